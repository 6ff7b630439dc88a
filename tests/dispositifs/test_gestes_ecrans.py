"""Les gestes sur les postes, à l'écran : ce qu'ils écrivent, et les mauvaises entrées, dites sur le champ fautif."""

from datetime import date
from decimal import Decimal
from types import SimpleNamespace

import pytest

from comptes.enums import Role
from dispositifs.enums import CategorieEmployeur, SuiteConvention
from dispositifs.models import (
    AvenantAdulteRelais,
    ConventionAdulteRelais,
    Occupation,
    PosteAdulteRelais,
    PosteFonjep,
    TriennaliteFonjep,
)
from tests.dispositifs.fabriques import (
    AvenantFactory,
    ConventionFactory,
    OccupationFactory,
    PosteFactory,
    PosteFonjepFactory,
    TriennaliteFactory,
)
from tests.fabriques import ContratFactory, EtablissementFactory, OrganismeFactory, QuartierFactory, habiliter
from tests.pages import noeuds, textes

pytestmark = pytest.mark.django_db

POSTES = "/dispositifs/adultes-relais/"
CONVENTIONS = "/dispositifs/conventions/"
OCCUPATIONS = "/dispositifs/occupations/"
FONJEP = "/dispositifs/fonjep/"
MODELES = [PosteAdulteRelais, ConventionAdulteRelais, AvenantAdulteRelais, Occupation, PosteFonjep, TriennaliteFonjep]


@pytest.fixture
def m(client):
    """Un poste d'une commune, conventionné de 2024 à 2026 et occupé ; un agent connecté."""
    m = SimpleNamespace(agent=habiliter(Role.AGENT))
    m.poste = PosteFactory(numero="01477R0001", categorie_employeur=CategorieEmployeur.COLLECTIVITE)
    m.convention = ConventionFactory(poste=m.poste)
    m.occupation = OccupationFactory(convention=m.convention, debut=date(2024, 3, 1), fin=date(2025, 2, 28))
    client.force_login(m.agent)
    return m


def accepter(client, adresse, **donnees):
    reponse = client.post(adresse, donnees)
    assert reponse.status_code == 302, textes(reponse, "//*[@role='alert']")
    return reponse


def refuser(client, adresse, champ, **donnees):
    """Ce que dit le champ fautif (None : le haut de la page), après avoir vérifié que rien n'est écrit."""
    avant = [list(modele.objects.order_by("pk").values()) for modele in MODELES]
    reponse = client.post(adresse, donnees)
    assert reponse.status_code == 200
    assert [list(modele.objects.order_by("pk").values()) for modele in MODELES] == avant
    chemin = f"//*[@id='id_{champ}_error']" if champ else "//*[@role='alert']//li"
    return " ".join(textes(reponse, chemin))


# --- Le poste ---


def test_un_poste_se_saisit_avec_son_employeur_reconnu_par_son_siret(client, m):
    contrat = ContratFactory()
    quartiers = [QuartierFactory(contrat=contrat), QuartierFactory(contrat=contrat)]
    siege = EtablissementFactory(organisme__nom="Régie des quartiers")
    accepter(
        client,
        f"{POSTES}ajouter/",
        departement=contrat.departement_id,
        contrat=contrat.pk,
        quartiers=[q.pk for q in quartiers],
        porteur_texte=siege.siret,
        categorie_employeur="association",
        numero="01426R0007",
        missions=["accueil", "conflits"],
    )
    poste = PosteAdulteRelais.objects.get(numero="01426R0007")
    assert (poste.employeur, poste.contrat) == (siege.organisme, contrat)
    assert set(poste.quartiers.all()) == set(quartiers)
    assert {mission.mission for mission in poste.missions.all()} == {"accueil", "conflits"}


def test_un_employeur_inconnu_un_numero_faux_ou_pris_se_disent_sur_leur_champ(client, m):
    saisie = {"departement": m.poste.departement_id, "porteur_texte": "Personne", "numero": "14R45"}
    assert "Personne" in refuser(client, f"{POSTES}ajouter/", "porteur_texte", **saisie)
    assert refuser(client, f"{POSTES}ajouter/", "numero", **saisie) == "Un numéro de poste s’écrit comme 01414R0045."
    pris = saisie | {"numero": m.poste.numero, "porteur_texte": m.poste.employeur.nom}
    assert "déjà celui d’un autre poste" in refuser(client, f"{POSTES}ajouter/", "numero", **pris)


def test_un_quartier_d_un_autre_contrat_est_refuse(client, m):
    ailleurs = QuartierFactory(contrat=ContratFactory())
    saisie = {"departement": m.poste.departement_id, "contrat": m.poste.contrat_id, "quartiers": [ailleurs.pk]}
    saisie["porteur_texte"] = m.poste.employeur.nom
    assert "pas du contrat choisi" in refuser(client, f"{POSTES}ajouter/", "quartiers", **saisie)


def test_les_quartiers_se_proposent_une_fois_le_contrat_choisi(client, m):
    quartier = QuartierFactory(contrat=m.poste.contrat, nom="Guérinière")
    assert noeuds(client.get(f"{POSTES}ajouter/"), "//*[@name='quartiers']") == []
    page = client.get(f"{POSTES}ajouter/", {"contrat": m.poste.contrat_id})
    assert [n.get("value") for n in noeuds(page, "//*[@id='quartiers']//input")] == [str(quartier.pk)]


def test_un_agent_d_un_contrat_n_ajoute_pas_de_poste_ailleurs(client, m):
    client.force_login(habiliter(Role.AGENT, contrat=m.poste.contrat))
    saisie = {"departement": m.poste.departement_id, "porteur_texte": m.poste.employeur.nom}
    assert "pas habilité" in refuser(client, f"{POSTES}ajouter/", None, **saisie)
    accepter(client, f"{POSTES}ajouter/", contrat=m.poste.contrat_id, **saisie)


def test_deux_agents_qui_modifient_le_meme_poste_voient_les_deux_versions(client, m):
    adresse = f"{POSTES}{m.poste.pk}/modifier/"
    nouveau = OrganismeFactory(nom="Nouvel employeur")
    saisie = {
        "departement": m.poste.departement_id,
        "contrat": m.poste.contrat_id,
        "porteur_texte": m.poste.employeur.nom,
        "porteur": m.poste.employeur_id,
        "categorie_employeur": "collectivite",
        "version": "1",
    }
    accepter(client, adresse, **saisie, numero="01477R0008")
    reponse = client.post(
        adresse, saisie | {"numero": "01477R0009", "porteur": nouveau.pk, "porteur_texte": nouveau.nom}
    )
    assert reponse.status_code == 409
    assert [(e.libelle, e.base, e.mien) for e in reponse.context["ecarts"]] == [
        ("Numéro ANCT", "01477R0008", "01477R0009"),
        ("Employeur", str(m.poste.employeur), "Nouvel employeur"),
    ]
    m.poste.refresh_from_db()
    assert (m.poste.numero, m.poste.version) == ("01477R0008", 2)
    choix = {"version": "2", "geste": "resoudre", "choix-numero": "base", "choix-porteur": "mien"}
    accepter(
        client, adresse, **(saisie | {"porteur": nouveau.pk, "porteur_texte": nouveau.nom} | choix), numero="01477R0009"
    )
    m.poste.refresh_from_db()
    assert (m.poste.numero, m.poste.employeur, m.poste.version) == ("01477R0008", nouveau, 3)


# --- Les conventions ---


def test_une_convention_s_ajoute_et_se_corrige_avec_un_motif(client, m):
    adresse = f"{POSTES}{m.poste.pk}/conventions/"
    accepter(client, adresse, debut="2027-01-01", fin="2029-12-31", quotite="80,5", signee_le="2026-12-01")
    convention = m.poste.conventions.get(debut=date(2027, 1, 1))
    assert (convention.quotite, convention.fin) == (Decimal("80.50"), date(2029, 12, 31))
    m.poste.refresh_from_db()
    corriger = f"{CONVENTIONS}{convention.pk}/modifier/"
    saisie = {"debut": "2027-01-01", "fin": "2028-12-31", "quotite": "80,5", "signee_le": "2026-12-01"}
    saisie["version"] = str(m.poste.version)
    assert "demande un motif" in refuser(client, corriger, "motif", **saisie)
    accepter(client, corriger, **saisie, motif="Date mal lue")
    convention.refresh_from_db()
    assert (convention.fin, convention.history.first().history_change_reason) == (date(2028, 12, 31), "Date mal lue")


def test_deux_agents_sur_la_meme_convention_choisissent_valeur_par_valeur(client, m):
    adresse = f"{CONVENTIONS}{m.convention.pk}/dossier/"
    accepter(client, adresse, demande_recue_le="2026-06-01", suite="a_decider", version="1")
    saisie = {"bilan_recu_le": "2026-07-01", "suite": "terminer", "version": "1"}
    reponse = client.post(adresse, saisie)
    assert reponse.status_code == 409
    assert [(e.libelle, e.base, e.mien) for e in reponse.context["ecarts"]] == [
        ("Demande de renouvellement reçue le", "01/06/2026", "—"),
        ("Bilan reçu le", "—", "01/07/2026"),
        ("Suite", "À décider", "Fin décidée"),
    ]
    choix = {"choix-demande_recue_le": "base", "choix-bilan_recu_le": "mien", "choix-suite": "base"}
    accepter(client, adresse, **saisie | choix | {"geste": "resoudre", "version": "2"})
    m.convention.refresh_from_db()
    assert (m.convention.demande_recue_le, m.convention.bilan_recu_le) == (date(2026, 6, 1), date(2026, 7, 1))
    assert m.convention.suite == SuiteConvention.A_DECIDER


CONVENTIONS_FAUTIVES = {
    "plus de trois ans": ({"debut": "2027-01-01", "fin": "2030-01-01"}, "fin", "trois ans : jusqu’au 31/12/2029"),
    "quotité 40 %": ({"quotite": "40"}, "quotite", "40 % : la quotité va de 50 % (mi-temps) à 100 %"),
    "quotité 49,99 %": ({"quotite": "49,99"}, "quotite", "49,99 % : la quotité va de 50 %"),
    "quotité en lettres": ({"quotite": "abc"}, "quotite", "« Quotité » est un nombre : écrire des chiffres"),
    "quotité 120 %": ({"quotite": "120"}, "quotite", "120 % : la quotité va de 50 %"),
    "chevauchement": ({"debut": "2026-12-31"}, "debut", "Deux périodes se chevauchent : convention du 01/01/2024"),
    "à l'envers": ({"fin": "2026-01-01"}, None, "La convention finit avant de commencer."),
    "numéro d'un autre poste": ({"numero": "01499R000101"}, "numero", "n’est pas celui du poste 01477R0001"),
    "date impossible": ({"debut": "2027-02-30"}, "debut", "n’est pas une date"),
    "année folle": ({"fin": "20282-12-31"}, "fin", "date"),
    "avant 2013": ({"debut": "2012-01-01", "fin": "2013-12-31"}, None, "antérieure au 18/01/2013"),
}


@pytest.mark.parametrize(("faute", "champ", "phrase"), CONVENTIONS_FAUTIVES.values(), ids=CONVENTIONS_FAUTIVES)
def test_une_convention_fautive_se_dit_sur_son_champ_et_n_ecrit_rien(client, m, faute, champ, phrase):
    saisie = {"debut": "2027-01-01", "fin": "2028-12-31", "quotite": "100"} | faute
    assert phrase in refuser(client, f"{POSTES}{m.poste.pk}/conventions/", champ, **saisie)


def test_renouveler_cree_la_convention_suivante_une_seule_fois(client, m):
    adresse = f"{CONVENTIONS}{m.convention.pk}/renouveler/"
    page = client.get(adresse)
    assert noeuds(page, "//*[@id='id_fin']")[0].get("value") == "2029-12-31"
    accepter(client, adresse, fin="2029-12-31", quotite="100")
    suivante = m.poste.conventions.latest("debut")
    assert (suivante.debut, suivante.fin) == (date(2027, 1, 1), date(2029, 12, 31))
    m.convention.refresh_from_db()
    assert m.convention.suite == SuiteConvention.RENOUVELER
    assert "suit déjà" in refuser(client, adresse, None, fin="2029-12-31", quotite="100")


def test_le_dossier_se_coche_par_date(client, m):
    adresse = f"{CONVENTIONS}{m.convention.pk}/dossier/"
    accepter(client, adresse, demande_recue_le="2026-06-01", suite="a_decider", version="1")
    m.convention.refresh_from_db()
    assert (m.convention.demande_recue_le, m.convention.bilan_recu_le) == (date(2026, 6, 1), None)


def test_un_avenant_change_la_quotite_ou_la_fin_pendant_la_convention(client, m):
    adresse = f"{CONVENTIONS}{m.convention.pk}/avenants/"
    accepter(client, adresse, date_effet="2025-01-01", quotite="60")
    assert m.convention.avenants.get().quotite == Decimal(60)
    assert "hors de la convention" in refuser(client, adresse, "date_effet", date_effet="2027-06-01", quotite="60")
    assert "40 %" in refuser(client, adresse, "quotite", date_effet="2025-06-01", quotite="40")
    assert "Un avenant change" in refuser(client, adresse, None, date_effet="2025-06-01")


def test_un_avenant_saisi_par_erreur_se_supprime_et_la_fin_revient_a_l_avenant_precedent(client, m):
    ajouter = f"{CONVENTIONS}{m.convention.pk}/avenants/"
    accepter(client, ajouter, date_effet="2024-06-01", nouvelle_fin="2026-06-30")
    accepter(client, ajouter, date_effet="2025-06-01", nouvelle_fin="2026-09-30")
    premier, second = m.convention.avenants.order_by("date_effet")
    accepter(client, f"/dispositifs/avenants/{second.pk}/supprimer/", motif="Doublon")
    m.convention.refresh_from_db()
    assert (m.convention.fin, list(m.convention.avenants.all())) == (date(2026, 6, 30), [premier])
    accepter(client, f"/dispositifs/avenants/{premier.pk}/supprimer/", motif="Autre poste")
    m.convention.refresh_from_db()
    assert m.convention.fin == date(2026, 6, 30)
    m.poste.refresh_from_db()
    histoire = " ".join(textes(client.get(f"{POSTES}{m.poste.pk}/"), "//ol[classe('pv-histoire')]"))
    assert "Avenant du 01/06/2025 : retiré" in histoire


def test_une_convention_saisie_par_erreur_se_supprime_si_elle_ne_porte_rien(client, m):
    vide = ConventionFactory(poste=m.poste, debut=date(2027, 1, 1), fin=date(2027, 12, 31), signee_le=None)
    adresse = f"{CONVENTIONS}{vide.pk}/supprimer/"
    assert "motif" in refuser(client, adresse, "motif", motif=" ").lower()
    accepter(client, adresse, motif="Doublon")
    assert not ConventionAdulteRelais.objects.filter(pk=vide.pk).exists()
    assert ConventionAdulteRelais.history.filter(id=vide.pk).first().history_change_reason == "Doublon"


@pytest.mark.parametrize("lien", ["signée", "avenant", "occupation"])
def test_une_convention_qui_engage_ne_se_supprime_pas(client, m, lien):
    signee_le = date(2026, 12, 1) if lien == "signée" else None
    convention = ConventionFactory(poste=m.poste, debut=date(2027, 1, 1), fin=date(2029, 12, 31), signee_le=signee_le)
    if lien == "avenant":
        AvenantFactory(convention=convention, date_effet=date(2027, 6, 1))
    if lien == "occupation":
        OccupationFactory(convention=convention)
    adresse = f"{CONVENTIONS}{convention.pk}/supprimer/"
    assert lien in textes(client.get(adresse), "//*[@role='alert']")[0]
    client.post(adresse, {"motif": "Quand même"})
    assert ConventionAdulteRelais.objects.filter(pk=convention.pk).exists()


# --- Les occupations ---


def test_une_occupation_s_ajoute_se_modifie_et_se_supprime_avec_un_motif(client, m):
    accepter(client, f"{CONVENTIONS}{m.convention.pk}/occupations/", etat="vacant", debut="2025-03-01")
    vacance = m.convention.occupations.get(debut=date(2025, 3, 1))
    m.poste.refresh_from_db()
    adresse, version = f"{OCCUPATIONS}{vacance.pk}/", str(m.poste.version)
    accepter(client, f"{adresse}modifier/", etat="vacant", debut="2025-03-01", fin="2025-05-31", version=version)
    vacance.refresh_from_db()
    assert vacance.fin == date(2025, 5, 31)
    accepter(client, f"{adresse}supprimer/", motif="Le poste était pourvu")
    assert list(m.convention.occupations.all()) == [m.occupation]
    fiche = client.get(f"{POSTES}{m.poste.pk}/")
    assert "Le poste était pourvu" in " ".join(textes(fiche, "//ol[classe('pv-histoire')]"))


OCCUPATIONS_FAUTIVES = {
    "CDI pour une commune": (
        {"nature_contrat": "cdi"},
        "nature_contrat",
        "Pas de CDI pour cet employeur (Collectivité",
    ),
    "avant la convention": (
        {"debut": "2023-12-31", "fin": "2024-01-31"},
        "debut",
        "hors de la convention du 01/01/2024",
    ),
    "après la convention": ({"fin": "2027-01-01"}, "fin", "finit hors de la convention"),
    "chevauchement": ({"debut": "2025-02-28"}, "debut", "se chevauchent"),
    "pourvu sans contrat": ({"nature_contrat": ""}, None, "Un poste pourvu l’est par un CDI ou un CDD"),
    "vacant avec contrat": ({"etat": "vacant"}, None, "Un poste pourvu l’est par un CDI ou un CDD"),
    "à l'envers": ({"fin": "2025-01-01"}, None, "L’occupation finit avant de commencer."),
}


@pytest.mark.parametrize(("faute", "champ", "phrase"), OCCUPATIONS_FAUTIVES.values(), ids=OCCUPATIONS_FAUTIVES)
def test_une_occupation_fautive_se_dit_sur_son_champ_et_n_ecrit_rien(client, m, faute, champ, phrase):
    saisie = {"etat": "pourvu", "nature_contrat": "cdd", "debut": "2025-03-01"} | faute
    assert phrase in refuser(client, f"{CONVENTIONS}{m.convention.pk}/occupations/", champ, **saisie)


def test_aucune_page_n_invite_un_mot_sur_la_personne(client, m):
    for adresse in (
        f"{POSTES}ajouter/",
        f"{CONVENTIONS}{m.convention.pk}/occupations/",
        f"{OCCUPATIONS}{m.occupation.pk}/modifier/",
    ):
        page = client.get(adresse)
        assert "ien sur la personne" in " ".join(textes(page, "//main"))
        assert noeuds(page, "//main//textarea") == []


# --- FONJEP ---


def test_un_poste_fonjep_se_saisit_avec_ses_periodes(client, m):
    association = OrganismeFactory(nom="Maison pour tous")
    departement = m.poste.departement_id
    accepter(client, f"{FONJEP}ajouter/", departement=departement, code="D12345", porteur_texte="maison pour tous")
    poste = PosteFonjep.objects.get(code="D12345")
    assert poste.association == association
    adresse = f"{FONJEP}{poste.pk}/periodes/"
    accepter(client, adresse, rang="0", debut="2024-01-01", fin="2026-12-31")
    page = client.get(adresse)
    proposes = [noeuds(page, f"//*[@id='id_{nom}']")[0].get("value") for nom in ("rang", "debut", "fin")]
    assert proposes == ["1", "2027-01-01", "2029-12-31"]
    poste.refresh_from_db()
    premiere = poste.triennalites.get()
    donnees = {"rang": "0", "debut": "2024-01-01", "fin": "2026-12-31", "evaluation_recue_le": "2026-06-30"}
    accepter(client, f"{FONJEP}periodes/{premiere.pk}/modifier/", **donnees, version=str(poste.version))
    premiere.refresh_from_db()
    assert premiere.evaluation_recue_le == date(2026, 6, 30)
    accepter(client, f"{FONJEP}periodes/{premiere.pk}/supprimer/", motif="Erreur de poste")
    assert list(poste.triennalites.all()) == []


TRIENNALITES_FAUTIVES = {
    "plus de trois ans": ({"fin": "2030-01-02"}, "fin", "trois ans : jusqu’au 31/12/2029"),
    "troisième reconduction": ({"rang": "3"}, None, "se reconduit deux fois au plus"),
    "chevauchement": ({"debut": "2026-12-31", "fin": "2029-12-30"}, "debut", "se chevauchent"),
    "rang déjà pris": ({"rang": "0"}, None, "déjà une période de ce rang"),
}


@pytest.mark.parametrize(("faute", "champ", "phrase"), TRIENNALITES_FAUTIVES.values(), ids=TRIENNALITES_FAUTIVES)
def test_une_periode_fonjep_fautive_est_refusee(client, m, faute, champ, phrase):
    triennalite = TriennaliteFactory()
    saisie = {"rang": "1", "debut": "2027-01-01", "fin": "2029-12-31"} | faute
    assert phrase in refuser(client, f"{FONJEP}{triennalite.poste_id}/periodes/", champ, **saisie)


def test_la_liste_fonjep_filtre_totalise_et_exporte(client, m):
    from tests.dispositifs.fabriques import BaremeFonjepFactory

    BaremeFonjepFactory()
    un, deux = (
        TriennaliteFactory(poste__code="D00001"),
        TriennaliteFactory(poste__code="D00002", debut=date(2024, 7, 1)),
    )
    deux.evaluation_recue_le = date(2024, 12, 1)
    deux.save()
    PosteFonjepFactory(code="D00003")
    reponse = client.get(FONJEP, {"annee": "2024"})
    assert [poste.code for poste, _ in reponse.context["lignes"]] == ["D00001", "D00002", "D00003"]
    total = next(total for colonne, total, _ in reponse.context["totaux"] if colonne.nom == "conventionne")
    assert total == Decimal("10765.57")  # 7 164 + 7 164 × 184/366
    recues = client.get(FONJEP, {"annee": "2024", "evaluation": "recue"})
    assert [poste.code for poste, _ in recues.context["lignes"]] in (["D00002"], [])
    csv = b"".join(
        client.get(FONJEP, {"annee": "2024", "contrat": un.poste.contrat_id, "format": "csv"}).streaming_content
    )
    assert [ligne.split(";")[0] for ligne in csv.decode("utf-8-sig").splitlines()] == ["Poste", "D00001"]
