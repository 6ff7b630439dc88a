"""Les courriers : des modèles que le service rédige, une lettre par décision, et pourquoi l'une ne s'écrit pas."""

import re
import zipfile
import zlib
from datetime import date
from io import BytesIO, StringIO
from types import SimpleNamespace

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.urls import reverse

from comptes.enums import Role
from politique_ville.outils.en_lettres import montant_en_lettres
from politique_ville.outils.publipostage import VariableMalEcrite, mettre_en_page, remplir, variables
from programmation.enums import NatureActe, NatureCourrier, NatureDecision, StatutAction
from programmation.lettres import courriers_en_html
from programmation.models import Action, Comite, Decision, ModeleDeCourrier, Organisme, Passage
from programmation.synthese.courriers import apercu_du_modele, preparer_un_envoi, texte_de_depart
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    DecisionFactory,
    ExerciceFactory,
    OrganismeFactory,
    UtilisateurFactory,
    action_programmee,
    euros,
    habiliter,
    p147,
)
from tests.pages import noeuds, textes

pytestmark = pytest.mark.django_db
LE = date(2026, 5, 1)


@pytest.fixture
def c():
    """Une action accordée à une association qui a son adresse, et un modèle d'accord."""
    c = SimpleNamespace(exercice=ExerciceFactory(), contrat=ContratFactory(intitule="Contrat de Caen"))
    c.agent = habiliter(Role.AGENT, departement=c.exercice.departement)
    c.porteur = OrganismeFactory(nom="Les Tilleuls", adresse="3, rue du Moulin", code_postal="14000", ville="Caen")
    c.action = action_programmee("1234,50", 2000, intitule="Lire & écrire", **cadre(c))
    c.accord = modele(corps="Accordé : {{ montant }} ({{ montant_en_lettres }}), le {{ date_decision }}.")
    return c


def cadre(c, **autres):
    return {"exercice": c.exercice, "contrat": c.contrat, "porteur": c.porteur} | autres


def modele(nature=NatureCourrier.ACCORD, **champs):
    textes = {"nom": f"Modèle {nature}", "objet": "Votre action « {{ intitule }} »", "corps": "Bonjour,"}
    return ModeleDeCourrier.objects.create(nature=nature, **textes | champs)


def decidee(c, nature, statut, motif="Crédits insuffisants", **champs):
    action = ActionFactory(statut=statut, **cadre(c), **champs)
    p147(action, 3000)
    DecisionFactory(action=action, nature=nature, montant=euros(0), motif=motif)
    return action


def lues(*actions):
    trouvees = Action.objects.select_related("exercice__departement", "contrat", "porteur__fusionne_dans")
    return list(trouvees.filter(pk__in=[a.pk for a in actions]).order_by("pk"))


def envoi(modele, *actions):
    return preparer_un_envoi(modele, lues(*actions), LE)


def phrases(envoi):
    return [e.phrase.replace("\xa0", " ") for e in envoi.empechements]


# --- Les montants en lettres ---


@pytest.mark.parametrize(
    ("montant", "lettres"),
    [
        ("0,01", "un centime"),
        ("1", "un euro"),
        ("80", "quatre-vingts euros"),
        ("200", "deux cents euros"),
        ("1000000", "un million d’euros"),
        ("1200000", "un million deux cent mille euros"),
        ("1234,50", "mille deux cent trente-quatre euros et cinquante centimes"),
        ("71,21", "soixante et onze euros et vingt et un centimes"),
        ("0", "zéro euro"),
    ],
)
def test_un_montant_s_ecrit_en_lettres_accorde(montant, lettres):
    assert montant_en_lettres(euros(montant)) == lettres


@pytest.mark.parametrize("faux", [1.5, 3, "12"])
def test_un_montant_qui_n_est_pas_un_decimal_est_refuse(faux):
    with pytest.raises(TypeError):
        montant_en_lettres(faux)


def test_un_montant_negatif_ne_s_ecrit_pas():
    with pytest.raises(ValueError, match="positif"):
        montant_en_lettres(euros(-1))


# --- Les variables ---


def test_une_variable_prend_sa_valeur_une_seule_fois():
    assert variables("{{ porteur }}, {{montant}} et {{ porteur }}") == ["porteur", "montant"]
    assert remplir("À {{ porteur }} : oui", {"porteur": "{{ montant }}"}) == "À {{ montant }}\xa0: oui"


@pytest.mark.parametrize("texte", ["{{ porteur", "porteur }}", "{{ mon porteur }}", "{{ porteur.siren }}", "{{}}"])
def test_des_accolades_mal_ecrites_sont_dites(texte):
    with pytest.raises(VariableMalEcrite):
        variables(texte)


def test_le_texte_est_echappe_et_mis_en_page():
    html = mettre_en_page("## Article 1\n\n<script>alert(1)</script>\nsuite\n\n- un\n- deux")
    assert html == (
        "<h2>Article 1</h2>\n<p>&lt;script&gt;alert(1)&lt;/script&gt;<br>suite</p>\n<ul><li>un</li><li>deux</li></ul>"
    )


def test_un_modele_refuse_une_variable_inconnue_et_dit_lesquelles_sont_permises():
    faux = ModeleDeCourrier(nature=NatureCourrier.REFUS, nom="Refus", objet="Objet", corps="{{ montant }} {{ motif }}")
    with pytest.raises(ValidationError) as refus:
        faux.full_clean()
    [phrase] = refus.value.message_dict["corps"]
    assert phrase.replace("\xa0", " ").startswith("La variable « montant » n’existe pas pour « Refus ».")
    assert "« demande », « motif »" in phrase.replace("\xa0", " ")


@pytest.mark.parametrize("champ", ["objet", "corps", "signataire"])
def test_un_modele_de_lettre_refuse_une_variable_inconnue_ou_qu_il_soit(champ):
    textes = {"objet": "Objet", "corps": "Corps", "signataire": "Le préfet"} | {champ: "{{ inconnu }}"}
    with pytest.raises(ValidationError) as refus:
        ModeleDeCourrier(nature=NatureCourrier.ACCORD, nom="Accord", **textes).full_clean()
    assert list(refus.value.message_dict) == [champ]


def test_la_signature_d_une_lettre_prend_ses_variables(c):
    c.accord.signataire = "Pour le préfet {{ departement }},\nle directeur"
    [lettre] = envoi(c.accord, c.action).lettres
    assert lettre.signature == ("Pour le préfet du Calvados,", "le directeur")


# --- Préparer les lettres ---


def test_une_lettre_d_accord_dit_le_montant_en_chiffres_et_en_lettres(c):
    [lettre] = envoi(c.accord, c.action).lettres
    assert lettre.texte == (
        "Accordé\xa0: 1\u202f234,50\xa0€ (mille deux cent trente-quatre euros et cinquante centimes), le 15 avril 2026."
    )
    assert lettre.objet == "Votre action «\xa0Lire & écrire\xa0»"
    assert (lettre.emetteur, lettre.date_en_mots) == ("Préfet du Calvados", "1er mai 2026")
    assert lettre.destinataire == ("Les Tilleuls", "3, rue du Moulin", "14000 Caen")


def test_une_lettre_dit_l_accorde_apres_un_complement(c):
    DecisionFactory(
        action=c.action, nature=NatureDecision.COMPLEMENT, montant=euros("65,50"), date=date(2026, 6, 1), motif="Plus"
    )
    [lettre] = envoi(c.accord, c.action).lettres
    assert "1\u202f300,00\xa0€ (mille trois cents euros), le 1er juin 2026." in lettre.texte


def test_ce_qui_ne_s_ecrit_pas_est_dit_avec_sa_raison(c):
    sans = OrganismeFactory(nom="Le Lien", ville="Caen")
    sans_adresse = action_programmee(500, **cadre(c, porteur=sans))
    deposee = ActionFactory(**cadre(c))
    refusee = decidee(c, NatureDecision.NON_RETENUE, StatutAction.NON_RETENUE)
    fait = envoi(c.accord, c.action, sans_adresse, deposee, refusee)
    assert [lettre.action for lettre in fait.lettres] == [c.action]
    assert phrases(fait) == [
        "« Le Lien » n’a pas d’adresse : saisir sa ville et son code postal.",
        "Une action « Déposée » n’est pas décidée : il n’y a rien à annoncer.",
        "Une action « Non retenue » n’appelle pas une lettre « Accord ».",
    ]
    assert [e.organisme for e in fait.empechements] == [sans, None, None]


def test_une_lettre_part_a_l_organisme_d_apres_la_fusion(c):
    ancien = OrganismeFactory(nom="Ancien nom", fusionne_dans=c.porteur)
    action = action_programmee(500, **cadre(c, porteur=ancien))
    assert envoi(c.accord, action).lettres[0].destinataire[0] == "Les Tilleuls"


def test_une_valeur_que_le_modele_cite_et_qui_manque_empeche_la_lettre(c):
    cite = modele(nom="Avec dossier", corps="Dossier {{ dossier }}")
    assert phrases(envoi(cite, c.action)) == [
        "Le modèle cite « dossier » (le numéro de dossier Dauphin), qui manque ici."
    ]


def test_un_refus_et_un_ajournement_disent_leur_motif(c):
    refusee = decidee(c, NatureDecision.NON_RETENUE, StatutAction.NON_RETENUE)
    attente = decidee(c, NatureDecision.LISTE_ATTENTE, StatutAction.LISTE_ATTENTE, motif="Pièces\nà joindre")
    refus = modele(NatureCourrier.REFUS, corps="{{ demande }}, {{ motif }}")
    ajournement = modele(NatureCourrier.AJOURNEMENT, corps="{{ motif }}")
    assert envoi(refus, refusee).lettres[0].texte == "3\u202f000,00\xa0€, Crédits insuffisants"
    assert envoi(ajournement, attente).lettres[0].texte == "Pièces à joindre"


def test_le_nombre_de_requetes_ne_depend_pas_du_nombre_de_lettres(c, django_assert_num_queries):
    autres = [action_programmee(500, **cadre(c)) for _ in range(3)]
    for actions in (lues(c.action), lues(c.action, *autres)):
        with django_assert_num_queries(2):
            preparer_un_envoi(c.accord, actions, LE)


def test_la_page_a_imprimer_est_francaise_sans_ressource_externe_et_dans_l_ordre(c):
    seconde = action_programmee(500, intitule="Seconde", **cadre(c))
    html = courriers_en_html(envoi(c.accord, c.action, seconde).lettres, "Accords", "Données fictives")
    assert [t.split(" : ")[0] for t in textes(html, "//h1")] == ["Objet", "Objet"]
    assert textes(html, "//h1")[1] == "Objet : Votre action « Seconde »"
    assert noeuds(html, "//@src | //@href | //style | //script") == []
    assert noeuds(html, "/html/@lang") == ["fr"]
    assert textes(html, "//p[classe('pv-lettre__avertissement')]") == ["Données fictives"] * 2


# --- Le texte de départ d'un acte ---


def test_un_projet_de_convention_reunit_les_actions_et_dit_ce_qui_est_a_completer(c):
    seconde = action_programmee("765,50", intitule="Courir", **cadre(c))
    convention = modele(
        NatureCourrier.CONVENTION, corps="{{ porteur }}, SIREN {{ siren }}\n\n{{ actions }}\n\n{{ montant_en_lettres }}"
    )
    decisions = list(Decision.objects.filter(action__in=[c.action, seconde]).order_by("pk"))
    assert texte_de_depart(convention, NatureActe.CONVENTION, decisions, LE).texte == (
        "Les Tilleuls, SIREN [à compléter\xa0: son SIREN]\n\n"
        "- «\xa0Lire & écrire\xa0»\xa0: 1\u202f234,50\xa0€\n- «\xa0Courir\xa0»\xa0: 765,50\xa0€\n\ndeux mille euros"
    )


# --- Les textes livrés ---


def test_les_textes_livres_se_chargent_et_ceux_que_le_service_corrige_restent():
    call_command("charger_reference", stdout=StringIO())
    livres = ModeleDeCourrier.objects.all()
    assert {m.nature for m in livres} == set(NatureCourrier.values)
    for livre in livres:
        livre.full_clean()
        assert "{{" not in apercu_du_modele(livre).texte
    refus = ModeleDeCourrier.objects.get(nature=NatureCourrier.REFUS)
    refus.corps = "Notre texte : {{ motif }}"
    refus.save()
    ModeleDeCourrier.objects.filter(nature=NatureCourrier.ACCORD).update(corps="Ancien texte livré")
    sortie = StringIO()
    call_command("charger_reference", stdout=sortie)
    [bilan] = [ligne.split()[-4:] for ligne in sortie.getvalue().splitlines() if ligne.startswith("modèles de c")]
    assert bilan == ["0", "1", "5", "1"]  # créés, modifiés, inchangés, préservés
    assert ModeleDeCourrier.objects.get(pk=refus.pk).corps == "Notre texte : {{ motif }}"
    assert ModeleDeCourrier.objects.get(nature=NatureCourrier.ACCORD).corps.startswith("Madame, Monsieur,")


def test_l_administration_liste_les_variables_refuse_les_inconnues_et_montre_un_apercu(client):
    client.force_login(UtilisateurFactory(is_staff=True, is_superuser=True))
    texte = modele(corps="Bonjour {{ porteur }}")
    adresse = reverse("admin:programmation_modeledecourrier_change", args=[texte.pk])
    page = client.get(adresse)
    assert "{{ montant_en_lettres }}" in textes(page, "//li/code")
    assert "Bonjour Association d’exemple" in page.content.decode()
    donnees = {"nature": "accord", "objet": "Objet", "corps": "{{ salaire }}", "signataire": "", "departement": ""}
    page = client.post(adresse, donnees | {"est_actif": "on"})
    assert "«\xa0salaire\xa0» n’existe pas" in textes_bruts(page, "//ul[classe('errorlist')]")
    assert ModeleDeCourrier.objects.get().corps == "Bonjour {{ porteur }}"


def textes_bruts(page, chemin):
    return " ".join(noeud.text_content() for noeud in noeuds(page, chemin))


# --- L'écran ---


def adresse(*actions, **parametres):
    choisies = "&".join(f"action={action.pk}" for action in actions)
    autres = "".join(f"&{nom}={valeur}" for nom, valeur in parametres.items())
    return f"{reverse('programmation:courrier_create')}?{choisies}{autres}"


def telecharger(client, c, *actions, format="pdf", **champs):
    donnees = {"action": [a.pk for a in actions], "modele": c.accord.pk, "le": "2026-05-01", "format": format}
    return client.post(reverse("programmation:courrier_create"), donnees | champs)


def test_l_ecran_choisit_le_modele_montre_la_premiere_lettre_et_mene_a_l_adresse_qui_manque(client, c):
    modele(NatureCourrier.REFUS)
    sans = OrganismeFactory(nom="Le Lien")
    client.force_login(c.agent)
    page = client.get(adresse(c.action, action_programmee(500, **cadre(c, porteur=sans))))
    assert textes(page, "//option[@selected]") == [f"Accord : {c.accord}"]
    assert "mille deux cent trente-quatre euros" in textes(page, "//*[classe('pv-lettre')]")[0]
    [lien] = noeuds(page, "//a[contains(@href, 'modifier')]/@href")
    saisie = {"nom": "Le Lien", "forme": "association", "droit": "prive", "code_postal": "14100", "ville": "Lisieux"}
    retour = client.post(lien, saisie)
    assert Organisme.objects.get(pk=sans.pk).lignes_de_l_adresse == ["14100 Lisieux"]
    assert retour.url.startswith(reverse("programmation:courrier_create"))
    assert "2 lettres peuvent être écrites" in client.get(retour.url).content.decode().replace("\xa0", " ")


def test_une_lettre_ne_se_date_pas_de_l_an_3000(client, c):
    client.force_login(c.agent)
    page = telecharger(client, c, c.action, le="3000-05-01")
    assert "La date des lettres, 01/05/3000, est trop loin" in page.content.decode().replace("\xa0", " ")
    assert page["Content-Type"].startswith("text/html")


@pytest.mark.parametrize(
    "suite", ["https://ailleurs.example/", "//ailleurs.example/", "accueil", "javascript:alert(1)"]
)
def test_apres_une_adresse_on_ne_revient_jamais_hors_du_site(client, c, suite):
    client.force_login(c.agent)
    lien = reverse("programmation:organisme_update", args=[c.porteur.pk]) + f"?suite={suite}"
    saisie = {"nom": "Les Tilleuls", "forme": "association", "droit": "prive"}
    assert client.post(lien, saisie).url == reverse("programmation:organisme_detail", args=[c.porteur.pk])


def en_clair(pdf):
    """Les flux du PDF, décompressés, bout à bout."""
    flux = re.findall(rb"stream\n(.*?)\nendstream", pdf, re.DOTALL)
    return b"".join(zlib.decompress(f) if f[:1] == b"x" else f for f in flux)


def test_les_lettres_se_telechargent_en_un_pdf_balise_ou_en_zip(client, c):
    client.force_login(c.agent)
    seconde = action_programmee(500, **cadre(c))
    pdf = telecharger(client, c, c.action, seconde)
    assert (pdf["Content-Type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")
    flux = en_clair(pdf.content)
    assert b"pdfuaid:part" in flux
    assert b"/MarkInfo" in flux
    archive = telecharger(client, c, c.action, seconde, format="zip")
    assert zipfile.ZipFile(BytesIO(archive.content)).namelist() == ["001-les-tilleuls.pdf", "002-les-tilleuls.pdf"]


def test_sans_aucune_lettre_possible_rien_ne_se_telecharge(client, c):
    client.force_login(c.agent)
    page = telecharger(client, c, ActionFactory(**cadre(c)))
    assert page["Content-Type"].startswith("text/html")
    assert "Aucune lettre ne peut être écrite" in page.content.decode()


@pytest.mark.parametrize("champs", [{"format": "docx"}, {"depuis": "x"}, {"depuis": "-1"}])
def test_un_fichier_qui_n_existe_pas_repond_404(client, c, champs):
    client.force_login(c.agent)
    assert telecharger(client, c, c.action, **champs).status_code == 404


def test_les_lettres_d_un_comite_suivent_son_ordre_du_jour(client, c):
    seconde = action_programmee(500, intitule="Seconde", **cadre(c))
    comite = Comite.objects.create(campagne=c.action.campagne, nature="pilotage", date=date(2026, 4, 15))
    for ordre, action in enumerate([seconde, c.action], 1):
        Passage.objects.create(comite=comite, action=action, ordre=ordre)
    client.force_login(c.agent)
    page = client.get(f"{reverse('programmation:courrier_create')}?comite={comite.pk}")
    assert textes(page, "//table//td[@data-titre='Action']") == ["Seconde", "Lire & écrire"]


def test_un_lecteur_et_un_partenaire_n_ecrivent_aucune_lettre(client, c):
    for role, territoire in (
        (Role.LECTEUR, {"departement": c.exercice.departement}),
        (Role.PARTENAIRE, {"contrat": c.contrat}),
    ):
        client.force_login(habiliter(role, **territoire))
        assert client.get(adresse(c.action)).status_code == 403
        assert telecharger(client, c, c.action).status_code == 403


def test_hors_du_perimetre_une_action_ou_un_comite_n_existent_pas(client, c):
    client.force_login(habiliter(Role.AGENT, contrat=ContratFactory()))
    comite = Comite.objects.create(campagne=c.action.campagne, nature="pilotage", date=date(2026, 4, 15))
    assert client.get(adresse(c.action)).status_code == 404
    ailleurs = habiliter(Role.AGENT, departement=ExerciceFactory(departement__code="30").departement)
    client.force_login(ailleurs)
    assert client.get(f"{reverse('programmation:courrier_create')}?comite={comite.pk}").status_code == 404
