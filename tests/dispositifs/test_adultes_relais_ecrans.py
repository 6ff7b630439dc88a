"""Les écrans des adultes-relais : ce que la liste filtre, totalise et exporte, la fiche, le radar, l'employeur."""

from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.utils import timezone

from comptes.enums import Role
from dispositifs.dates import UN_JOUR, dernier_jour
from dispositifs.enums import CategorieEmployeur, SuiteConvention
from programmation.enums import StatutExercice
from tests.dispositifs.fabriques import (
    AvenantFactory,
    BaremeAdulteRelaisFactory,
    BaremeFonjepFactory,
    ConventionFactory,
    OccupationFactory,
    PosteFactory,
    QuotaFactory,
    ReleveFactory,
    TriennaliteFactory,
)
from tests.fabriques import (
    ContratFactory,
    DepartementFactory,
    ExerciceFactory,
    OrganismeFactory,
    QuartierFactory,
    euros,
    habiliter,
)
from tests.pages import noeuds, textes

pytestmark = pytest.mark.django_db

LISTE = "/dispositifs/adultes-relais/"
RADAR = f"{LISTE}radar/"


@pytest.fixture
def monde():
    """Quatre postes du Calvados, différents par tout ce qui se filtre ; le barème de 2024 est connu, pas celui d'après.

    En 2024 : « caen » occupé 275 jours et vacant 91 à temps plein, « mi-temps » non renseigné, les autres sans convention.
    """
    m = SimpleNamespace()
    BaremeAdulteRelaisFactory(date_effet=date(2024, 1, 1), montant=euros("18300,00"))
    BaremeAdulteRelaisFactory(date_effet=date(2025, 1, 1), montant=None)
    m.contrat, m.lisieux = ContratFactory(intitule="Caen la mer"), ContratFactory(intitule="Lisieux")
    m.quartier = QuartierFactory(contrat=m.contrat, nom="Chemin-Vert")
    m.tours, m.anciennes = OrganismeFactory(nom="Les Tours"), OrganismeFactory(nom="Les Vieilles Tours")
    m.anciennes.fusionne_dans = m.tours
    m.anciennes.save()
    fin = timezone.localdate() + timedelta(days=30)
    m.caen = PosteFactory(numero="01477R0001", contrat=m.contrat, employeur=m.tours)
    m.caen.quartiers.add(m.quartier)
    convention = ConventionFactory(poste=m.caen, debut=date(2024, 1, 1), fin=fin)
    OccupationFactory(convention=convention, vacant=True, debut=date(2024, 1, 1), fin=date(2024, 3, 31))
    OccupationFactory(convention=convention, debut=date(2024, 4, 1))
    m.mi_temps = PosteFactory(numero="01477R0002", contrat=m.lisieux, employeur=m.anciennes)
    loin = timezone.localdate() + timedelta(days=700)
    ConventionFactory(poste=m.mi_temps, debut=date(2024, 7, 1), fin=loin, quotite=Decimal(50))
    m.vide = PosteFactory(
        numero="01477R0003", contrat=m.lisieux, categorie_employeur="", employeur=OrganismeFactory(nom="École")
    )
    m.d_ailleurs = PosteFactory(numero="06121R0002", contrat=None, employeur=OrganismeFactory(nom="Alpha"))
    for poste, annee in ((m.caen, 2023), (m.mi_temps, 2023), (m.caen, 2025)):
        ReleveFactory(poste=poste, annee=annee, montant=euros(7164) if annee == 2025 else euros("22555,73"))
    BaremeFonjepFactory(date_effet=date(2020, 1, 1))
    m.agent = habiliter(Role.AGENT)
    return m


def lire(client, adresse=LISTE, **parametres):
    reponse = client.get(adresse, {"annee": "2024", **parametres} if adresse == LISTE else parametres)
    assert reponse.status_code == 200
    return reponse


def numeros(reponse):
    return [poste.numero for poste, _ in reponse.context["lignes"]]


FILTRES = {
    "sans filtre": ({}, ["06121R0002", "01477R0003", "01477R0001", "01477R0002"]),
    "contrat": ({"contrat": "lisieux"}, ["01477R0003", "01477R0002"]),
    "quartier": ({"quartier": "quartier"}, ["01477R0001"]),
    "employeur, fusionnés compris": ({"organisme": "tours"}, ["01477R0001", "01477R0002"]),
    "pourvu": ({"etat": "pourvu"}, ["01477R0001"]),
    "vacant": ({"etat": "vacant"}, []),
    "non renseigné": ({"etat": "inconnu"}, ["01477R0002"]),
    "sans convention": ({"etat": "sans_convention"}, ["06121R0002", "01477R0003"]),
    "fin dans les trois mois": ({"horizon": "3"}, ["01477R0001"]),
    "fin dans l'année": ({"horizon": "12"}, []),
    "toutes anomalies": ({"anomalie": "toutes"}, ["06121R0002", "01477R0003", "01477R0001", "01477R0002"]),
    "sans catégorie": ({"anomalie": "categorie_inconnue"}, ["01477R0003"]),
    "autre département": ({"anomalie": "autre_departement"}, ["06121R0002"]),
    "montant FONJEP": ({"anomalie": "releve_au_bareme_fonjep"}, ["01477R0001"]),
    "publiés en 2023": ({"releve": "2023"}, ["01477R0001", "01477R0002"]),
    "recherche sans accent": ({"q": "ecole"}, ["01477R0003"]),
    "recherche par numéro de convention": ({"q": "01477r000101"}, ["01477R0001"]),
    "rien ne répond": ({"q": "introuvable"}, []),
}


@pytest.mark.parametrize(("parametres", "attendus"), FILTRES.values(), ids=FILTRES)
def test_chaque_filtre_retient_ses_postes(client, monde, parametres, attendus):
    client.force_login(monde.agent)
    adresse = {nom: getattr(getattr(monde, v, v), "pk", v) for nom, v in parametres.items()}
    assert numeros(lire(client, **adresse)) == attendus


def test_la_liste_totalise_le_filtre_au_centime(client, monde):
    client.force_login(monde.agent)
    reponse = lire(client)
    totaux = {colonne.nom: total for colonne, total, additionnee in reponse.context["totaux"] if additionnee}
    # 18 300 + 18 300 × 50 % × 184/366 = 18 300 + 4 600 ; occupé 18 300 × 275/366 = 13 750 ; 91 jours vacants
    assert totaux == {"conventionne": euros(22900), "occupe": euros(13750), "vacants": 91}
    assert "Total de 4 postes" in textes(reponse, "//tfoot//th")[0]
    totaux = lire(client, organisme=monde.tours.pk, contrat=monde.lisieux.pk).context["totaux"]
    assert next(total for colonne, total, _ in totaux if colonne.nom == "conventionne") == euros(4600)


def test_la_regle_de_prorata_se_choisit_et_se_dit(client, monde):
    client.force_login(monde.agent)
    reponse = lire(client, prorata="douziemes")
    totaux = {colonne.nom: total for colonne, total, additionnee in reponse.context["totaux"] if additionnee}
    # 18 300 + 18 300 × 50 % × 6/12 = 18 300 + 4 575 ; occupé 18 300 × 9/12 = 13 725 ; les jours ne changent pas
    assert totaux == {"conventionne": euros(22875), "occupe": euros(13725), "vacants": 91}
    assert "douzièmes, et prorata des jours d’un mois incomplet" in textes(reponse, "//main//caption")[0]
    fichier = lire(client, prorata="douziemes", organisme=monde.anciennes.pk, format="csv")
    assert "4575,00" in b"".join(fichier.streaming_content).decode("utf-8-sig")
    fiche = client.get(f"{LISTE}{monde.mi_temps.pk}/", {"prorata": "douziemes"})
    assert textes(fiche, "//tr[th='2024']/td")[0] == "4 575,00 €"
    assert "Règle : Douzièmes" in " ".join(textes(fiche, "//main//p"))
    assert noeuds(fiche, "//ul[@aria-label='Règle de prorata']//a[@aria-current]/@href") == ["?prorata=douziemes"]
    employeur = client.get(f"{LISTE}employeurs/{monde.tours.pk}/", {"annee": "2024", "prorata": "douziemes"})
    assert employeur.context["total"].conventionne == euros(22875)


def test_une_regle_de_prorata_inconnue_n_est_jamais_devinee(client, monde):
    client.force_login(monde.agent)
    assert numeros(lire(client, prorata="semaines")) == []
    fiche = client.get(f"{LISTE}{monde.mi_temps.pk}/", {"prorata": "semaines"})
    assert textes(fiche, "//tr[th='2024']/td")[0] == "4 600,00 €"


def test_un_bareme_inconnu_montre_un_tiret_et_sa_raison(client, monde):
    client.force_login(monde.agent)
    reponse = lire(client, annee="2025")
    totaux = {colonne.nom: total for colonne, total, additionnee in reponse.context["totaux"] if additionnee}
    assert totaux["conventionne"] is None
    assert "Barème inconnu du 01/01/2025 au 31/12/2025." in " ".join(textes(reponse, "//main//p"))
    assert "4 postes sans montant" in textes(reponse, "//tfoot//td")[6]


def test_sans_aucune_convention_le_cout_est_inconnu_et_non_nul(client, monde):
    client.force_login(monde.agent)
    reponse = lire(client)
    assert textes(reponse, "//tr[th='01477R0003']/td")[6:9] == ["—", "—", "—"]
    assert "2 postes sans montant" in textes(reponse, "//tfoot//td")[6]
    assert "Aucune convention enregistrée pour 2 postes." in " ".join(textes(reponse, "//main//p"))
    seul = lire(client, etat="sans_convention")
    assert [total for colonne, total, _ in seul.context["totaux"] if colonne.nom == "conventionne"] == [None]


def test_le_releve_publie_est_a_part_de_nos_montants(client, monde):
    client.force_login(monde.agent)
    reponse = lire(client)
    cellules = textes(reponse, "//main//details//tbody//*[self::th or self::td]")
    assert cellules[:5] == ["2023", "2", "2", "45 111,46 €", ""]
    assert cellules[5:] == ["2025", "1", "1", "7 164,00 €", "1 ligne au montant d’un poste FONJEP"]


def test_la_france_entiere_totalise_ce_que_les_departements_totalisent(client, monde):
    """Un lecteur national n'est borné par rien : ses montants, ses relevés et ses pages sont ceux des départements."""
    gard = PosteFactory(departement=DepartementFactory(code="30"))
    ConventionFactory(poste=gard, debut=date(2024, 7, 1))
    ReleveFactory(poste=gard, annee=2023, montant=euros("22555,73"))
    client.force_login(habiliter(Role.LECTEUR, france_entiere=True))
    reponse = lire(client)
    totaux = {colonne.nom: total for colonne, total, additionnee in reponse.context["totaux"] if additionnee}
    assert totaux["conventionne"] == euros(22900) + euros(9200)
    assert numeros(reponse) == ["06121R0002", "01477R0003", "01477R0001", "01477R0002", gard.numero]
    assert [r.lignes for r in reponse.context["liste"].releves] == [3, 1]
    du_gard = lire(client, departement="30")
    assert (numeros(du_gard), [r.lignes for r in du_gard.context["liste"].releves]) == ([gard.numero], [1])


@pytest.mark.parametrize("tri", ["etat", "-etat", "quotite", "-fin", "contrat", "-numero"])
def test_chaque_tri_garde_ses_lignes_et_met_l_inconnu_en_dernier(client, monde, tri):
    client.force_login(monde.agent)
    reponse = lire(client, tri=tri)
    assert sorted(numeros(reponse)) == ["01477R0001", "01477R0002", "01477R0003", "06121R0002"]
    lues = {"fin": lambda p: p.convention_fin, "contrat": lambda p: p.contrat and p.contrat.intitule}
    cles = [lues.get(tri.strip("-"), lambda p: getattr(p, tri.strip("-")))(p) for p, _ in reponse.context["lignes"]]
    connues = [cle for cle in cles if cle is not None]
    assert cles == sorted(connues, reverse=tri.startswith("-")) + [None] * (len(cles) - len(connues))


@pytest.mark.parametrize("format", ["xlsx", "csv", "ods"])
def test_le_fichier_a_les_lignes_de_l_ecran(client, monde, format):
    client.force_login(monde.agent)
    reponse = lire(client, organisme=monde.tours.pk, format=format)
    assert reponse["Content-Disposition"].startswith('attachment; filename="adultes-relais-2024-calvados-14-au-')
    contenu = b"".join(reponse.streaming_content)
    if format == "csv":
        lignes = contenu.decode("utf-8-sig").splitlines()
        assert [ligne.split(";")[0] for ligne in lignes] == ["Poste", "01477R0001", "01477R0002"]
        assert "18300,00" in lignes[1]


def test_un_choix_hors_du_perimetre_n_ouvre_rien(client, monde):
    secret = PosteFactory(departement=DepartementFactory(code="30"), employeur=OrganismeFactory(nom="Zutique"))
    client.force_login(monde.agent)
    for parametre, valeur in (
        ("contrat", secret.contrat_id),
        ("organisme", secret.employeur_id),
        ("departement", "30"),
    ):
        reponse = lire(client, **{parametre: valeur})
        assert numeros(reponse) == []
        assert "Zutique" not in reponse.content.decode()
        assert "n’existe pas" in " ".join(textes(reponse, "//main//*[@role='alert']"))


def test_un_partenaire_ne_voit_aucun_poste(client, monde):
    client.force_login(habiliter(Role.PARTENAIRE, contrat=monde.contrat))
    assert numeros(lire(client)) == []
    assert "Les Tours" not in lire(client).content.decode()
    assert client.get(f"{LISTE}{monde.caen.pk}/").status_code == 404
    assert client.get(f"{LISTE}employeurs/{monde.tours.pk}/").status_code == 404


@pytest.mark.parametrize("nombre", [1, 3])
def test_la_liste_se_lit_en_douze_requetes(client, django_assert_num_queries, nombre):
    ExerciceFactory(annee=2024)
    for _ in range(nombre):
        occupation = OccupationFactory()
        AvenantFactory(convention=occupation.convention)
        ReleveFactory(poste=occupation.convention.poste)
        occupation.convention.poste.quartiers.add(QuartierFactory(contrat=occupation.convention.poste.contrat))
    client.force_login(habiliter(Role.AGENT))
    with django_assert_num_queries(12):
        lire(client)


# --- Le quota ---


def jour_fixe(monkeypatch, jour):
    monkeypatch.setattr(timezone, "localdate", lambda *args: jour)


@pytest.mark.parametrize(
    ("jour", "phrase"),
    [
        (date(2026, 8, 31), ""),
        (date(2026, 9, 1), "Ils seront perdus à la fin de l’année : un poste notifié ne se reporte pas."),
        (date(2027, 1, 1), "Ils sont perdus : un poste notifié ne se reporte pas."),
    ],
)
def test_des_septembre_la_liste_dit_que_les_postes_ne_se_reportent_pas(client, monkeypatch, jour, phrase):
    exercice = ExerciceFactory()
    QuotaFactory(exercice=exercice, postes_notifies=5)
    ConventionFactory(debut=date(2026, 3, 1), fin=date(2029, 2, 28), signee_le=date(2026, 2, 10))
    client.force_login(habiliter(Role.RESPONSABLE))
    jour_fixe(monkeypatch, jour)
    reponse = lire(client, annee="2026")
    texte = " ".join(textes(reponse, "//*[classe('fr-callout')]//p"))
    assert "5 postes notifiés, 1 convention signée dans l’année, 4 postes non utilisés." in texte
    assert phrase in texte
    assert ("perdus" in texte) == bool(phrase)


def test_seul_le_responsable_tient_le_quota_d_un_exercice_ouvert(client):
    exercice = ExerciceFactory()
    adresse = f"{LISTE}quota/{exercice.pk}/"
    client.force_login(habiliter(Role.RESPONSABLE))
    assert client.post(adresse, {"postes_notifies": "12", "reference": "Notification"}).status_code == 302
    assert exercice.quota_adultes_relais.postes_notifies == 12
    reponse = client.post(adresse, {"postes_notifies": "14", "version": "1"})
    assert "Changer le quota notifié demande un motif." in textes(reponse, "//*[@id='id_motif_error']")[0]
    assert client.post(adresse, {"postes_notifies": "14", "version": "1", "motif": "Rectifié"}).status_code == 302
    exercice.statut = StatutExercice.CLOS
    exercice.save()
    reponse = client.post(adresse, {"postes_notifies": "15", "version": "2", "motif": "Trop tard"})
    assert "est clos" in textes(reponse, "//*[@role='alert']")[0]
    client.force_login(habiliter(Role.AGENT))
    assert client.get(adresse).status_code == 403


# --- La fiche ---


def test_la_fiche_dit_les_conventions_les_couts_et_l_histoire(client, monde):
    client.force_login(monde.agent)
    fiche = client.get(f"{LISTE}{monde.caen.pk}/")
    texte = " ".join(textes(fiche, "//main"))
    for attendu in (
        "Les Tours",
        "Chemin-Vert",
        "Demande de renouvellement reçue : en attente",
        "Bilan reçu : en attente",
        "Montant publié d’un poste FONJEP",
        "Barème inconnu du 01/01/2025 au 31/12/2025.",
        "Prorata des jours de l’année (365 ou 366)",
        "ces montants n’entrent dans aucun de nos totaux",
    ):
        assert attendu in texte
    ligne_2024 = textes(fiche, "//tr[th='2024']/td")[:5]
    assert ligne_2024 == ["18 300,00 €", "13 750,00 €", "4 550,00 €", "91", "0,00 €0 jour"]


def test_la_fiche_la_liste_et_le_controle_disent_la_meme_vacance(client):
    """Vacant à la fin d'une convention, et toujours à la suivante : une seule vacance, qui dépasse ici les trois mois."""
    jour = timezone.localdate()
    poste, debut, bascule = PosteFactory(), jour - timedelta(days=150), jour - timedelta(days=60)
    premiere = ConventionFactory(poste=poste, debut=debut, fin=bascule - UN_JOUR)
    OccupationFactory(convention=premiere, vacant=True)
    seconde = ConventionFactory(poste=poste, debut=bascule, fin=jour + timedelta(days=900))
    OccupationFactory(convention=seconde, vacant=True)
    client.force_login(habiliter(Role.AGENT))
    texte = " ".join(textes(client.get(f"{LISTE}{poste.pk}/"), "//main"))
    assert f"Vacant depuis le {debut:%d/%m/%Y}" in texte
    assert "Vacance longue" in texte
    assert numeros(lire(client, anomalie="vacance_longue")) == [poste.numero]


@pytest.mark.parametrize("nombre", [1, 3])
def test_la_fiche_fait_autant_de_requetes_avec_une_ou_trois_lignes(client, django_assert_max_num_queries, nombre):
    poste = PosteFactory()
    debut = date(2020, 1, 1)
    for _ in range(nombre):
        convention = ConventionFactory(poste=poste, debut=debut, fin=dernier_jour(debut, 1))
        AvenantFactory(convention=convention, date_effet=debut)
        OccupationFactory(convention=convention)
        ReleveFactory(poste=poste, annee=debut.year)
        debut = convention.fin + UN_JOUR
    client.force_login(habiliter(Role.AGENT))
    with django_assert_max_num_queries(20):
        client.get(f"{LISTE}{poste.pk}/")


def test_un_lecteur_lit_sans_aucun_geste(client, monde):
    client.force_login(habiliter(Role.LECTEUR))
    fiche = client.get(f"{LISTE}{monde.caen.pk}/")
    gestes = ["modifier", "renouveler", "supprimer", "occupations", "avenants", "dossier"]
    assert [a for a in noeuds(fiche, "//main//a/@href") if any(geste in a for geste in gestes)] == []
    assert noeuds(lire(client), "//main//a[contains(@href, 'ajouter')]") == []


# --- Le radar ---


@pytest.fixture
def echeances():
    """Quatre conventions : échue, à deux mois, à cinq mois avec sa suite, à deux ans."""
    jour = timezone.localdate()
    fins = {"echue": jour - UN_JOUR, "proche": jour + timedelta(days=60), "suivie": jour + timedelta(days=150)}
    e = SimpleNamespace(agent=habiliter(Role.AGENT))
    for nom, fin in {**fins, "loin": jour + timedelta(days=730)}.items():
        poste = PosteFactory(employeur=OrganismeFactory(nom=f"Employeur {nom}"))
        setattr(e, nom, ConventionFactory(poste=poste, debut=fin - timedelta(days=900), fin=fin))
    ConventionFactory(poste=e.suivie.poste, debut=e.suivie.fin + UN_JOUR, fin=e.suivie.fin + timedelta(days=900))
    return e


def conventions(reponse):
    return [echeance.convention for echeance, _ in reponse.context["echeances"]]


def test_le_radar_montre_ce_qui_finit_et_l_etape_suivante(client, echeances):
    client.force_login(echeances.agent)
    reponse = lire(client, RADAR)
    assert conventions(reponse) == [echeances.echue, echeances.proche, echeances.suivie]
    assert [nombre for _, nombre, _, _ in reponse.context["horizons"]] == [1, 1, 1, 0]
    assert [renouvelable for _, renouvelable in reponse.context["echeances"]] == [True, True, False]
    texte = " ".join(textes(reponse, "//tbody"))
    assert "Attendu : demande de renouvellement reçue." in texte
    assert "Rien : la convention suivante est enregistrée." in texte
    assert conventions(lire(client, RADAR, horizon="echue")) == [echeances.echue]
    assert conventions(lire(client, RADAR, q="employeur proche")) == [echeances.proche]


def test_une_suite_decidee_sort_du_radar_ce_qui_a_fini(client, echeances):
    echeances.echue.suite = SuiteConvention.TERMINER
    echeances.echue.save()
    client.force_login(echeances.agent)
    assert conventions(lire(client, RADAR)) == [echeances.proche, echeances.suivie]


def test_le_radar_se_filtre_par_responsable(client, echeances):
    echeances.proche.poste.agent_referent = echeances.agent
    echeances.proche.poste.save()
    client.force_login(echeances.agent)
    assert conventions(lire(client, RADAR, agent=echeances.agent.pk)) == [echeances.proche]


def test_le_radar_montre_les_evaluations_fonjep_attendues(client):
    jour = timezone.localdate()
    fin = jour + timedelta(days=100)
    triennalite = TriennaliteFactory(debut=fin - timedelta(days=1000), fin=fin)
    client.force_login(habiliter(Role.AGENT))
    reponse = lire(client, RADAR)
    assert [e.triennalite for e in reponse.context["evaluations"]] == [triennalite]
    assert "En retard" in " ".join(textes(reponse, "//tbody"))


@pytest.mark.parametrize("nombre", [1, 3])
def test_le_radar_se_lit_en_huit_requetes(client, django_assert_num_queries, nombre):
    for _ in range(nombre):
        ConventionFactory(debut=date(2024, 1, 1), fin=timezone.localdate())
    client.force_login(habiliter(Role.AGENT))
    with django_assert_num_queries(8):
        lire(client, RADAR)


# --- L'employeur ---


def test_la_page_d_un_employeur_reunit_ses_postes_et_ceux_de_ses_doublons(client, monde):
    client.force_login(monde.agent)
    reponse = lire(client, f"{LISTE}employeurs/{monde.tours.pk}/", annee="2024")
    assert [poste.numero for poste, *_ in reponse.context["postes"]] == ["01477R0001", "01477R0002"]
    assert (reponse.context["total"].conventionne, reponse.context["inconnus"]) == (euros(22900), 0)
    assert len(reponse.context["echeances"]) == 1
    reponse = lire(client, f"{LISTE}employeurs/{monde.vide.employeur_id}/", annee="2024")
    assert (reponse.context["total"].conventionne, reponse.context["inconnus"]) == (None, 1)
    vide = OrganismeFactory()
    assert client.get(f"{LISTE}employeurs/{vide.pk}/").status_code == 404


def test_la_categorie_dit_qui_peut_conclure_un_cdi():
    sans_cdi = {c for c in CategorieEmployeur if not c.admet_le_cdi}
    assert sans_cdi == {CategorieEmployeur.COLLECTIVITE, CategorieEmployeur.EPLE, CategorieEmployeur.SANTE}
