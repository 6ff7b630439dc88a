"""La feuille Contrôles : chaque feuille rapprochée des autres et de l'écran, et les anomalies des actions."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from politique_ville.outils.classeur import Cellule, Formule
from politique_ville.outils.francais import euros, nombre
from politique_ville.outils.typographie import insecables
from programmation.controles import CONTROLES as CONTROLES_DES_ACTIONS
from programmation.models import Action
from programmation.synthese import TotauxDeListe

from .formules import (
    INCONNU,
    ZERO,
    Critere,
    Page,
    Selection,
    corps,
    difference,
    ecart,
    ecart_connu,
    est_un_nombre,
    total,
    total_connu,
    valeur,
)
from .mesures import LIGNE_DE_COUT, LIGNE_P147, Mesure
from .syntheses.commun import TOTAL, champ_de
from .syntheses.piliers import TRANSVERSAL
from .syntheses.thematiques import SOUS_THEME, THEME

ECRAN = "Écran"
RAPPROCHEMENT = "Rapprochement"  # la nature d'une ligne de Contrôles
TEXTE_DE_FORMULE = 200  # une formule ne porte pas plus de 255 caractères de texte
HORS_TOTAL = [Critere("niveau", niveau, sauf=True) for niveau in (TOTAL, TRANSVERSAL)]


@dataclass(frozen=True)
class Cote:
    """Un côté d'un rapprochement : où il est lu, et ce qu'il vaut (une formule, ou la valeur de l'écran)."""

    lieu: str
    contenu: Any

    @property
    def valeur(self) -> Any:
        return INCONNU if self.contenu is None else valeur(self.contenu)


@dataclass(frozen=True)
class Rapprochement:
    """Deux totaux qui doivent être égaux ; `ou` dit où regarder s'ils ne le sont pas."""

    libelle: str
    a: Cote
    b: Cote
    format: str = "euros"
    ou: str = ""

    @property
    def ecart(self) -> Decimal | str:
        """En euros, au centime, ou en nombre d'actions ; « — » si l'un des deux totaux est inconnu."""
        connus = est_un_nombre(self.a.valeur) and est_un_nombre(self.b.valeur)
        return difference(self.a.valeur, self.b.valeur) if connus else INCONNU

    @property
    def est_en_ecart(self) -> bool:
        """Les deux totaux diffèrent ; un total connu et non nul diffère d'un inconnu."""
        return bool(difference(self.a.valeur, self.b.valeur))

    def en_mots(self) -> tuple[str, str, str]:
        """Les deux totaux et l'écart, tels que l'écran les écrit."""
        ecrire = self._en_euros if self.format == "euros" else self._en_nombre
        return tuple(ecrire(valeur) for valeur in (self.a.valeur, self.b.valeur, self.ecart))

    @staticmethod
    def _en_euros(valeur):
        return INCONNU if valeur == INCONNU else euros(Decimal(valeur))

    @staticmethod
    def _en_nombre(valeur):
        return INCONNU if valeur == INCONNU else nombre(valeur)


@dataclass(frozen=True)
class Coherence:
    """Un contrôle des actions : combien il en relève."""

    libelle: str
    anomalies: int
    phrase: str
    a_corriger: bool


@dataclass(frozen=True)
class Controles:
    """Tous les contrôles, et la feuille qui les porte."""

    page: Page
    rapprochements: list[Rapprochement]
    coherences: list[Coherence]

    @property
    def en_ecart(self) -> list[Rapprochement]:
        return [rapprochement for rapprochement in self.rapprochements if rapprochement.est_en_ecart]


@dataclass(frozen=True)
class Feuilles:
    """Les pages que l'on rapproche."""

    actions: Page
    financements: Page
    repartition: Page
    thematiques: Page
    piliers: Page
    contrats: Page
    quartiers: Page
    financeurs: Page


# --- Rapprocher ---


def rapprochements(
    feuilles: Feuilles, mesure: Mesure, ecran: TotauxDeListe, colonnes: dict[str, list[str]]
) -> list[Rapprochement]:
    """`ecran` : les totaux de la liste des mêmes actions. `colonnes` : les familles de chaque colonne du plan."""
    return [
        *programmation_et_ecran(feuilles, ecran, colonnes),
        *programmation_et_financements(feuilles, colonnes),
        *faits_et_repartition(feuilles),
        *syntheses(feuilles, mesure),
    ]


def programmation_et_ecran(feuilles, ecran, colonnes):
    actions = feuilles.actions
    lignes = Formule(f"=COUNTA({actions.plage('cle')})", len(actions.lignes))
    yield rapprochement("Nombre d’actions déposées", actions, lignes, ECRAN, ecran.nombre, "entier")
    montants = {
        "Coût total": (["cout"], ecran.cout_previsionnel),
        "P147 demandé": (["p147_demande"], ecran.p147_demande),
        "P147 proposé": (["p147_propose"], ecran.p147_propose),
        "P147 accordé": (["p147_accorde"], ecran.p147_accorde),
        "Plan demandé, tous financeurs": (["p147_demande", *colonnes], ecran.plan_demande),
    }
    for libelle, (noms, lu) in montants.items():
        yield rapprochement(libelle, actions, total_connu(actions, noms), ECRAN, lu)


def programmation_et_financements(feuilles, colonnes):
    actions, financements = feuilles.actions, feuilles.financements
    p147 = Selection(financements, LIGNE_P147)
    for champ, libelle in (("demande", "demandé"), ("propose", "proposé"), ("accorde", "accordé")):
        a = total(actions, [f"p147_{champ}"])
        yield rapprochement(f"P147 {libelle}", actions, a, financements, p147.somme(champ))
    for colonne, familles in colonnes.items():
        sommes = [Selection(financements, Critere("famille", famille)).somme("demande") for famille in familles]
        b = Formule("=" + "+".join(s.texte[1:] for s in sommes), sum((s.cache for s in sommes), ZERO))
        yield rapprochement(f"Demandé : {' et '.join(familles)}", actions, total(actions, [colonne]), financements, b)


def faits_et_repartition(feuilles):
    actions, financements, repartition = feuilles.actions, feuilles.financements, feuilles.repartition
    cout = Selection(repartition, LIGNE_DE_COUT).somme("cout")
    yield rapprochement("Coût total et parts du coût", actions, total(actions, ["cout"]), repartition, cout)
    for champ, libelle in (("demande", "Demandé"), ("accorde", "Accordé")):
        a, b = total(financements, [champ]), total(repartition, [champ])
        yield rapprochement(f"{libelle}, tous financeurs, et ses parts", financements, a, repartition, b)


def syntheses(feuilles, mesure):
    """Le total d'une synthèse est celui de Programmation, ses lignes font ce total, et chacune est celle de l'écran."""
    champ, unite = champ_de(mesure), "euros" if mesure.choix.est_un_montant else "entier"
    base, actions, libelle = mesure.valeur(), feuilles.actions, mesure.choix.libelle
    par_niveau = [Critere("niveau", THEME)], [Critere("niveau", SOUS_THEME)]
    for page in (feuilles.thematiques, feuilles.piliers, feuilles.contrats, feuilles.quartiers):
        yield rapprochement(libelle, actions, base, page, cellule_du_total(page, champ), unite)
        yield rapprochement(libelle, page, cellule_du_total(page, champ), ECRAN, total_lu(page), unite)
        for criteres in par_niveau if page is feuilles.thematiques else [HORS_TOTAL]:
            if page is not feuilles.quartiers or mesure.choix.est_un_montant:  # des présences ne s'additionnent pas
                yield somme_des_lignes(page, champ, criteres, unite)
        yield lignes_et_ecran(page, unite)
    yield croisement(feuilles.thematiques, champ, unite)
    yield from acquis(feuilles)


def acquis(feuilles):
    page = feuilles.financeurs
    total_acquis = cellule_du_total(page, "montant")
    yield rapprochement("Acquis, tous financeurs", page, total_acquis, ECRAN, total_lu(page))
    yield somme_des_lignes(page, "montant", HORS_TOTAL, "euros")
    yield lignes_et_ecran(page, "euros")


def rapprochement(libelle, page_a, a, b_ou, b, unite="euros") -> Rapprochement:
    lieux = [lieu if isinstance(lieu, str) else lieu.nom for lieu in (page_a, b_ou)]
    return Rapprochement(libelle, Cote(lieux[0], a), Cote(lieux[1], b), unite, f"{lieux[0]} et {lieux[1]}")


def rang_du_total(page: Page) -> int:
    return next(rang for rang, ligne in enumerate(page.lignes) if ligne["niveau"] == TOTAL)


def cellule_du_total(page: Page, champ: str) -> Formule:
    rang = rang_du_total(page)
    return Formule(f"={page.cellule(champ, rang)}", valeur(page.lignes[rang][champ]))


def total_lu(page: Page) -> Any:
    return page.lignes[rang_du_total(page)]["ecran"]


def somme_des_lignes(page, champ, criteres, unite):
    niveau = f" (niveau {criteres[0].valeur})" if not criteres[0].sauf else ""
    somme = Selection(page, *criteres).somme(champ)
    libelle = f"Somme des lignes{niveau} et total"
    return rapprochement(libelle, page, somme, page, cellule_du_total(page, champ), unite)


def lignes_et_ecran(page, unite):
    """La somme des écarts de chaque ligne, sans leur signe : deux écarts opposés ne se cachent pas."""
    ecarts = sum((abs(valeur(ligne["ecart"])) for ligne in page.lignes if "ecart" in ligne), ZERO)
    somme = Formule(f"=SUMPRODUCT(ABS({page.plage('ecart')}))", ecarts)
    fautives = [str(ligne["libelle"]) for ligne in page.lignes if "ecart" in ligne and valeur(ligne["ecart"])]
    ou = f"{page.nom}, colonne Écart" + (f"\u00a0: {', '.join(fautives)}" if fautives else "")
    return Rapprochement("Écarts à l’écran, ligne à ligne", Cote(page.nom, somme), Cote(ECRAN, 0), unite, ou)


def croisement(page, champ, unite):
    """Les colonnes des contrats, sur la ligne du total des thématiques, redonnent ce total."""
    rang = rang_du_total(page)
    noms = [nom for nom in page.champs if nom == "departement" or nom.startswith("contrat-")]
    cellules = [page.cellule(nom, rang) for nom in noms]
    contenus = [valeur(page.lignes[rang][nom]) for nom in noms]
    somme = sum((c for c in contenus if c != INCONNU), ZERO)
    a = Formule(f"=SUM({','.join(cellules)})", somme)
    return rapprochement("Somme des contrats et total", page, a, page, cellule_du_total(page, champ), unite)


# --- Cohérence des actions ---


def coherences(actions: QuerySet[Action]) -> list[Coherence]:
    """Combien d'actions dans le circuit chaque contrôle relève ; une requête par contrôle."""
    return [
        Coherence(c.nom, c.parmi(actions).count(), insecables(c.phrase), c.gravite == c.gravite.A_CORRIGER)
        for c in CONTROLES_DES_ACTIONS
    ]


# --- La feuille ---


def page_des_controles(
    modele, rapprochements: list[Rapprochement], coherences: list[Coherence], autres: Sequence[dict] = ()
) -> Page:
    """`autres` : des lignes qui ne comparent rien, à la suite (les décisions au-delà du disponible)."""
    lignes = [*map(ligne_de_rapprochement, rapprochements), *map(ligne_de_coherence, coherences), *autres]
    page = Page(modele, lignes)
    for rang, rapprochement in enumerate(rapprochements):
        a, b = page.ici("a", rang), page.ici("b", rang)
        cotes = (a, rapprochement.a.valeur), (b, rapprochement.b.valeur)
        lignes[rang]["ecart"] = Cellule(ecart_connu(*cotes), rapprochement.format)
        ou = rapprochement.ou.replace('"', "")[:TEXTE_DE_FORMULE]
        texte = f'=IF({corps(ecart(*cotes))}=0,"","{ou}")'
        lignes[rang]["ou"] = Formule(texte, ou if rapprochement.est_en_ecart else "")
    return page


def ligne_de_rapprochement(rapprochement: Rapprochement) -> dict:
    a, b = rapprochement.a, rapprochement.b
    return {
        "nature": RAPPROCHEMENT,
        "libelle": rapprochement.libelle,
        "lieu_a": a.lieu,
        "a": Cellule(a.contenu, rapprochement.format),
        "lieu_b": b.lieu,
        "b": Cellule(INCONNU if b.contenu is None else b.contenu, rapprochement.format),
    }


def ligne_de_coherence(coherence: Coherence) -> dict:
    return {
        "nature": "Cohérence",
        "libelle": coherence.libelle,
        "anomalies": coherence.anomalies,
        "ou": coherence.phrase,
    }
