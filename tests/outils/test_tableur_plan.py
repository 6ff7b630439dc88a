import io
import json
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import pytest
from openpyxl import load_workbook

from politique_ville.outils.classeur import Colonne, Feuille, classeur
from politique_ville.outils.tableur import modeles
from politique_ville.outils.tableur.annotation import annoter
from politique_ville.outils.tableur.champs import Champ, Option, choix, date_du_jour, montant, texte
from politique_ville.outils.tableur.fichier import FichierRefuse
from politique_ville.outils.tableur.lecture import lire
from politique_ville.outils.tableur.moteur import preparer
from politique_ville.outils.tableur.plan import Anomalie, Gravite, LignePlan, Plan, Statut
from politique_ville.outils.tableur.reception import recevoir

INTITULE = Champ("intitule", "Intitulé", texte(50), obligatoire=True)
THEMATIQUE = Champ(
    "thematique", "Thématique", choix([Option("1.1", "Éducation", "1.1"), Option("1.2", "Santé", "1.2")])
)
MONTANT = Champ("montant", "Montant", montant, ("Demandé",))
DEBUT = Champ("debut", "Début", date_du_jour)


@dataclass
class Essai:
    """Un modèle d'import complet sur un dictionnaire {intitulé: montant}, qui tient lieu de base."""

    nom: str = "essai"
    libelle: str = "Essai"
    base: dict = field(default_factory=dict)

    def champs(self, contexte):
        return (INTITULE, THEMATIQUE, MONTANT, DEBUT)

    def planifier(self, validee, contexte):
        lignes = tuple(self._ligne(ligne) for ligne in validee.lignes)
        avertissements = tuple(
            validee.anomalie(ligne.numero, MONTANT, "le montant est nul.", Gravite.AVERTISSEMENT)
            for ligne in validee.lignes
            if ligne.valeurs["montant"] == 0
        )
        apres = self.base | {ligne.cle: ligne.apres["Montant"] for ligne in lignes}
        return Plan(lignes, avertissements, {"Montant": (sum(self.base.values()), sum(apres.values()))})

    def _ligne(self, ligne):
        cle, valeur = ligne.valeurs["intitule"], ligne.valeurs["montant"]
        avant = {"Montant": self.base[cle]} if cle in self.base else {}
        inchange = avant == {"Montant": valeur}
        statut = Statut.INCHANGE if inchange else Statut.MODIFIE if avant else Statut.CREE
        return LignePlan(ligne.numero, statut, cle, avant, {"Montant": valeur}, cle)

    def appliquer(self, plan, contexte):
        self.base |= {ligne.cle: ligne.apres["Montant"] for ligne in plan.lignes}


def fichier_csv(*lignes, entetes="Intitulé;Thématique;Demandé (€);Début"):
    return recevoir(io.BytesIO("\n".join((entetes, *lignes)).encode()), "actions.csv")


BON = ("École;1.1;100,50;12/03/2026", "Santé;Santé;200;", "Vide;;0;")
MAUVAIS = ("École;Educ.;12O;31/02/2026", "Santé;1.2;200;", ";1.1;5;")


def phrases(plan):
    return [str(anomalie).replace("\u00a0", " ") for anomalie in plan.anomalies]


def test_le_plan_dit_ce_qui_sera_cree_modifie_inchange_et_l_effet_sur_les_totaux():
    modele = Essai(base={"École": Decimal("100.50"), "Santé": Decimal("150")})
    plan = preparer(fichier_csv(*BON), modele, None)
    assert plan.compteurs == {Statut.CREE: 1, Statut.MODIFIE: 1, Statut.INCHANGE: 1, Statut.REFUSE: 0}
    assert plan.lignes[1].changements == {"Montant": (Decimal("150"), Decimal("200.00"))}
    assert plan.lignes[0].changements == {}
    assert plan.totaux == {"Montant": (Decimal("250.50"), Decimal("300.50"))}
    assert plan.est_applicable
    assert phrases(plan) == ["C4 : le montant est nul."]
    assert plan.avertissements[0].valeur == "0"
    assert (plan.modele, plan.empreinte) == ("essai", fichier_csv(*BON).empreinte)


def test_rejouer_un_fichier_applique_ne_change_rien():
    modele = Essai()
    modele.appliquer(preparer(fichier_csv(*BON), modele, None), None)
    assert preparer(fichier_csv(*BON), modele, None).compteurs[Statut.INCHANGE] == 3
    assert not preparer(fichier_csv(*BON), modele, None).change_quelque_chose


def test_toutes_les_cellules_refusees_sont_dites_avec_la_correction():
    plan = preparer(fichier_csv(*MAUVAIS), Essai(), None)
    assert phrases(plan) == [
        "B2 : « Educ. » inconnu, vouliez-vous « 1.1 Éducation » ?",
        "C2 : « 12O » n’est pas un montant : écrire des chiffres, par exemple 1 234,50.",
        "D2 : « 31/02/2026 » n’est pas une date : écrire par exemple 12/03/2026.",
        "A4 : « Intitulé » est obligatoire : remplir la cellule.",
    ]
    assert [(ligne.numero, ligne.statut) for ligne in plan.lignes] == [
        (2, Statut.REFUSE),
        (3, Statut.CREE),
        (4, Statut.REFUSE),
    ]
    assert not plan.est_applicable


def test_le_plan_se_rend_en_json_montants_et_dates_en_texte():
    anomalie = Anomalie("C4", "Montant", "0", "le montant est nul.", Gravite.AVERTISSEMENT)
    ligne = LignePlan(
        4, Statut.MODIFIE, "École", {"Début": None}, {"Début": date(2026, 3, 12), "Montant": Decimal("1.50")}, 7
    )
    rendu = Plan((ligne,), (anomalie,), {"Total": (None, Decimal("1.50"))}, "essai", "abc").en_json()
    assert json.loads(json.dumps(rendu)) == {
        "modele": "essai",
        "empreinte": "abc",
        "est_applicable": True,
        "compteurs": {"cree": 0, "modifie": 1, "inchange": 0, "refuse": 0},
        "totaux": {"Total": [None, "1.50"]},
        "anomalies": [
            {
                "cellule": "C4",
                "champ": "Montant",
                "valeur": "0",
                "message": "le montant est nul.",
                "gravite": "avertissement",
                "phrase": "C4\u00a0: le montant est nul.",
            }
        ],
        "lignes": [
            {
                "numero": 4,
                "statut": "modifie",
                "intitule": "École",
                "avant": {"Début": None},
                "apres": {"Début": "2026-03-12", "Montant": "1.50"},
                "base": {},
                "cle": 7,
                "changements": {"Début": [None, "2026-03-12"], "Montant": [None, "1.50"]},
            }
        ],
    }


def test_la_signature_change_avec_ce_qui_est_montre():
    modele = Essai()
    premiere = preparer(fichier_csv(*BON), modele, None).signature
    assert preparer(fichier_csv(*BON), modele, None).signature == premiere
    modele.base["École"] = Decimal(1)
    assert preparer(fichier_csv(*BON), modele, None).signature != premiere


def test_une_colonne_obligatoire_absente_est_dite_avec_les_colonnes_lues():
    with pytest.raises(FichierRefuse) as erreur:
        preparer(fichier_csv("a;b", entetes="Titre;Montant"), Essai(), None)
    assert str(erreur.value).replace("\u00a0", " ") == (
        "Colonne obligatoire introuvable : « Intitulé ». Colonnes lues à la ligne 1 : « Titre » (A), « Montant » (B). "
        "Renommer la colonne, ou la choisir dans la correspondance."
    )


def test_la_correspondance_choisie_par_l_agent_l_emporte():
    plan = preparer(
        fichier_csv("École;5", entetes="Titre;Montant"), Essai(), None, colonnes={"intitule": 0, "montant": 1}
    )
    assert plan.lignes[0].intitule == "École"


def test_une_colonne_nominative_fait_refuser_le_fichier():
    with pytest.raises(FichierRefuse, match=r"Prénom.*\(E\).*Supprimer ces colonnes"):
        preparer(fichier_csv(*BON, entetes="Intitulé;Thématique;Demandé;Début;Prénom"), Essai(), None)


def test_un_numero_de_securite_sociale_est_refuse_sans_etre_recopie():
    plan = preparer(fichier_csv("suivi de 184127645108946;;5;"), Essai(), None)
    assert phrases(plan) == ["A2 : cette cellule ressemble à un numéro de sécurité sociale : l’effacer."]
    assert "184127645108946" not in json.dumps(plan.en_json())


def test_deux_modeles_ne_peuvent_pas_porter_le_meme_nom(monkeypatch):
    monkeypatch.setattr(modeles, "_registre", {})
    premier = Essai()
    modeles.enregistrer(premier)
    modeles.enregistrer(premier)
    assert modeles.modele("essai") is premier
    assert modeles.modeles() == [premier]
    with pytest.raises(ValueError, match="essai"):
        modeles.enregistrer(Essai(libelle="Autre"))


# --- La copie annotée ---


def annote(fichier, anomalies):
    return load_workbook(io.BytesIO(annoter(lire(fichier), anomalies)))


def anomalies_de(fichier):
    return preparer(fichier, Essai(), None).anomalies


def fichier_xlsx(lignes):
    titres = ("Intitulé", "Thématique", "Montant", "Début")
    colonnes = tuple(
        Colonne(titre, lambda ligne, rang=rang: ligne[rang], "general") for rang, titre in enumerate(titres)
    )
    sortie = io.BytesIO()
    classeur(Feuille("Actions", colonnes, lignes, intitule="À garder"), vers=sortie)
    sortie.seek(0)
    return recevoir(sortie, "actions.xlsx")


def test_le_xlsx_annote_garde_sa_forme_et_marque_les_cellules_refusees():
    fichier = fichier_xlsx([("École", "Educ.", "12O", None), ("=1+1", "1.2", Decimal("5"), None)])
    livre = annote(fichier, anomalies_de(fichier))
    page = livre["Actions"]
    assert page["A1"].value == "À garder"
    assert page["B4"].comment.text.replace("\u00a0", " ") == "« Educ. » inconnu, vouliez-vous « 1.1 Éducation » ?"
    assert page["B4"].fill.start_color.rgb == "FFFFB3AB"
    assert page["B5"].comment is None
    assert (page["A5"].value, page["A5"].data_type) == ("=1+1", "s")
    liste = [[cellule.value for cellule in rangee] for rangee in livre["Anomalies"].iter_rows()]
    assert liste[0] == ["Cellule", "Champ", "Valeur lue", "Message", "Gravité"]
    assert [rangee[0] for rangee in liste[1:]] == ["B4", "C4"]


def test_la_feuille_des_anomalies_se_lit_dans_l_ordre_du_fichier():
    fichier = fichier_xlsx([("École", "Educ.", "12O", None)] * 8)
    dans_le_desordre = [Anomalie(cellule, "", "", "faux.") for cellule in ("C10", "AB9", "ligne 4", "B10", "C9", "")]
    page = annote(fichier, dans_le_desordre)["Anomalies"]
    assert [rangee[0].value or "" for rangee in page.iter_rows(min_row=2)] == ["", "ligne 4", "C9", "AB9", "B10", "C10"]


def test_le_xlsx_corrige_puis_annote_de_nouveau_perd_ses_anciennes_marques():
    fichier = fichier_xlsx([("École", "Educ.", "12O", None)])
    premiere = annoter(lire(fichier), anomalies_de(fichier))
    rendu = recevoir(io.BytesIO(premiere), "actions.xlsx")
    livre = load_workbook(io.BytesIO(annoter(lire(rendu, "Actions"), [Anomalie("C4", "Montant", "12O", "faux.")])))
    assert livre["Actions"]["B4"].comment is None
    assert livre["Actions"]["C4"].comment.text == "faux."
    assert livre.sheetnames == ["Actions", "Anomalies"]


def test_un_csv_annote_devient_un_xlsx_de_memes_adresses():
    fichier = fichier_csv("École;Educ.;5;", "", "=1+1;1.1;douze;")
    page = annote(fichier, anomalies_de(fichier)).worksheets[0]
    assert (page["A4"].value, page["A4"].data_type) == ("=1+1", "s")
    assert page["B2"].comment.text.startswith("«\u00a0Educ.")
    assert page["C4"].comment.text.startswith("«\u00a0douze")


def test_une_anomalie_de_ligne_ou_une_valeur_hostile_ne_genent_pas_l_annotation():
    anomalies = [
        Anomalie("ligne 2", "Quartier", "", "colonne absente."),
        Anomalie("A2", "Intitulé", "=cmd()", "un avertissement.", Gravite.AVERTISSEMENT),
        Anomalie("A2", "Intitulé", "\x00", "un refus."),
    ]
    livre = annote(fichier_csv("École;1.1;5;"), anomalies)
    assert livre.worksheets[0]["A2"].fill.start_color.rgb == "FFFFB3AB"
    assert (livre["Anomalies"]["C2"].value, livre["Anomalies"]["C2"].data_type) == ("=cmd()", "s")
