"""Les dispositifs dans le pilotage : les postes à part, le quota qui reste à signer, les fiches de territoire."""

from datetime import date
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from comptes.enums import Role
from comptes.models import Utilisateur
from dispositifs.models import ActionDuSuivi, LieuDuPoste, LieuFonjep
from dispositifs.synthese import MASQUE
from pilotage.portee import Portee
from pilotage.tableaux.postes import quota_a_signer
from programmation.enums import FamilleFinanceur, StatutAction
from programmation.models import PartenaireFinanceur
from tests.dispositifs.fabriques import (
    BaremeAdulteRelaisFactory,
    BaremeFonjepFactory,
    BudgetPreFactory,
    ConventionFactory,
    OccupationFactory,
    PosteFactory,
    PosteFonjepFactory,
    ProgrammeFactory,
    QuotaFactory,
    ReleveFactory,
    SuiviPreFactory,
    TriennaliteFactory,
)
from tests.fabriques import (
    ActionFactory,
    CommuneFactory,
    ContratFactory,
    DepartementFactory,
    DispositifFactory,
    ExerciceFactory,
    FinanceurFactory,
    HabilitationFactory,
    QuartierFactory,
    habiliter,
    p147,
)
from tests.pages import noeuds, texte, textes

pytestmark = pytest.mark.django_db

TABLEAU = "/pilotage/"
LIGNES = "//section[@id='postes']//tbody/tr"


@pytest.fixture
def monde():
    """En 2025, année finie : un poste à mi-temps occupé un mois puis vacant un mois, un FONJEP, un PRE de 130 enfants."""
    m = SimpleNamespace(exercice=ExerciceFactory(annee=2025))
    m.calvados = m.exercice.departement
    m.caen, m.lisieux = ContratFactory(intitule="Caen la mer"), ContratFactory(intitule="Lisieux")
    m.commune = CommuneFactory(nom="Caen")
    m.chemin_vert, m.guerin = (
        QuartierFactory(contrat=m.caen, nom=n, communes=[m.commune]) for n in ("Chemin Vert", "Guérin")
    )
    BaremeAdulteRelaisFactory(date_effet=date(2020, 1, 1), montant=Decimal("18250.00"))
    BaremeFonjepFactory()
    m.poste = PosteFactory(numero="01424R0001", contrat=m.caen, departement=m.calvados)
    LieuDuPoste.objects.create(poste=m.poste, quartier=m.chemin_vert)
    convention = ConventionFactory(poste=m.poste, fin=date(2025, 7, 19), quotite=Decimal("50"))
    OccupationFactory(convention=convention, fin=date(2025, 1, 31))
    OccupationFactory(convention=convention, vacant=True, debut=date(2025, 2, 1), fin=date(2025, 3, 2))
    for rang in (1, 2):  # deux lignes publiées du même poste
        ReleveFactory(poste=m.poste, annee=2025, rang=rang, montant=Decimal("7164.00"))
    m.fonjep = PosteFonjepFactory(code="D0001", contrat=m.lisieux, departement=m.calvados)
    TriennaliteFactory(poste=m.fonjep)
    m.pre = ProgrammeFactory(intitule="PRE de Caen", contrat=m.caen, communes=[m.commune])
    suivi = SuiviPreFactory(programme=m.pre, exercice=m.exercice, enfants_suivis=130)
    BudgetPreFactory(suivi=suivi, montant=Decimal("100000.00"))
    dispositif = DispositifFactory(pre=True)
    action = ActionFactory(exercice=m.exercice, contrat=m.caen, dispositif=dispositif, statut=StatutAction.PROGRAMMEE)
    p147(action, demande=60000, accorde="60000,50")
    ActionDuSuivi.objects.create(suivi=suivi, action=action)
    m.agent = habiliter(Role.AGENT, departement=m.calvados)
    return m


def ouvrir(client, utilisateur, adresse=TABLEAU, **parametres):
    client.force_login(utilisateur)
    return client.get(adresse, parametres)


# --- Le tableau de bord ---


A_VERIFIER = (
    "14 328,00 € 1 poste ; à vérifier : 2 lignes : des postes sont répétés ; 2 lignes au montant d’un poste FONJEP"
)


def test_avec_postes_ajoute_une_ligne_par_dispositif_hors_des_parts(client, monde):
    """18 250 € l'an à mi-temps : 25 € par jour ; 200 jours conventionnés, 31 pourvus, 30 vacants."""
    sans = ouvrir(client, monde.agent, annee=2025)
    avec = ouvrir(client, monde.agent, annee=2025, postes="avec")
    assert textes(sans, LIGNES) == []
    assert textes(avec, f"{LIGNES}[1]/td") == ["1", "5 000,00 €", "775,00 €", "30", "750,00 €", A_VERIFIER]
    assert textes(avec, f"{LIGNES}[2]/td") == ["1", "7 164,00 €", "—", "—", "—", "—"]
    assert textes(avec, f"{LIGNES}/th") == ["Adultes-relais", "FONJEP"]
    piliers = "//section[@id='piliers']//tbody/tr"
    assert textes(avec, piliers) == textes(sans, piliers)
    assert textes(avec, "//dl[@class='pv-portee']/div[2]/dd")[0].endswith("les postes à part")


def test_la_ligne_suit_le_contrat_et_le_quartier_et_mene_a_la_liste_des_memes_postes(client, monde):
    LieuDuPoste.objects.create(poste=monde.poste, quartier=monde.guerin)
    LieuFonjep.objects.create(poste=monde.fonjep, quartier=QuartierFactory(contrat=monde.lisieux))
    deux = f"{monde.chemin_vert.pk}-{monde.guerin.pk}"
    for parametres, nombres in (
        ({}, ["1", "1"]),
        ({"contrat": monde.caen.pk}, ["1", "0"]),
        ({"contrat": monde.lisieux.pk}, ["0", "1"]),
        ({"contrat": monde.caen.pk, "quartier": monde.guerin.pk}, ["1", "0"]),
        ({"quartier": deux}, ["1", "0"]),  # sur deux quartiers, un poste n'est compté qu'une fois
    ):
        page = ouvrir(client, monde.agent, annee=2025, postes="avec", **parametres)
        assert textes(page, f"{LIGNES}/td[1]") == nombres
        for lien in noeuds(page, f"{LIGNES}/td[2]/a"):
            liste = client.get(lien.get("href"))
            assert texte(lien) in textes(liste, "//tfoot//td")
    assert noeuds(page, f"{LIGNES}//a") == []  # la liste ne montre qu'un quartier à la fois


def test_l_option_reste_dans_les_liens_et_dans_le_formulaire(client, monde):
    page = ouvrir(client, monde.agent, annee=2025, postes="avec")
    (choisie,) = noeuds(page, "//select[@name='postes']/option[@selected]")
    assert choisie.get("value") == "avec"
    (lien,) = [a for a in noeuds(page, "//section[@id='contrats']//th/a") if "Caen" in a.text_content()]
    assert "postes=avec" in lien.get("href")


def test_un_bareme_inconnu_se_dit_a_cote_du_montant(client, monde):
    BaremeAdulteRelaisFactory(date_effet=date(2025, 1, 1), montant=None)
    page = ouvrir(client, monde.agent, annee=2025, postes="avec")
    assert textes(page, f"{LIGNES}[1]/td")[1:3] == ["— sans 1 poste au barème inconnu", "—"]


def test_un_poste_sans_convention_se_dit_et_ne_vaut_pas_zero(client, monde):
    PosteFactory(contrat=monde.lisieux, departement=monde.calvados)
    dans_le_departement = ouvrir(client, monde.agent, annee=2025, postes="avec")
    assert textes(dans_le_departement, f"{LIGNES}[1]/td")[0] == "1 et 1 poste sans convention enregistrée"
    a_lisieux = ouvrir(client, monde.agent, annee=2025, postes="avec", contrat=monde.lisieux.pk)
    attendues = ["0 et 1 poste sans convention enregistrée", "—", "—", "—", "—", "—"]
    assert textes(a_lisieux, f"{LIGNES}[1]/td") == attendues


def test_un_partenaire_ne_voit_aucun_poste_quoi_que_dise_l_adresse(client, monde):
    QuotaFactory(exercice=monde.exercice)
    borne = habiliter(Role.PARTENAIRE, departement=monde.calvados)
    caf = FinanceurFactory(nom="CAF", famille=FamilleFinanceur.CAF)
    PartenaireFinanceur.objects.create(habilitation=borne.habilitations.get(), financeur=caf)
    for partenaire in (habiliter(Role.PARTENAIRE, contrat=monde.caen), borne):
        page = ouvrir(client, partenaire, annee=2025, postes="avec")
        assert page.status_code == 200
        assert noeuds(page, "//section[@id='postes'] | //select[@name='postes']") == []
        assert "postes=avec" not in page.content.decode()


def test_les_postes_coutent_neuf_requetes_quel_que_soit_leur_nombre(client, monde):
    sans = requetes(client, monde, annee=2025)
    assert requetes(client, monde, annee=2025, postes="avec") == sans + 9
    for _ in range(2):
        OccupationFactory(convention=ConventionFactory(poste__contrat=monde.caen))
        TriennaliteFactory(poste__contrat=monde.caen)
    assert requetes(client, monde, annee=2025, postes="avec") == sans + 9


def requetes(client, monde, adresse=TABLEAU, **parametres):
    client.force_login(monde.agent)
    with CaptureQueriesContext(connection) as lues:
        assert client.get(adresse, parametres).status_code == 200
    return len(lues)


# --- Le quota ---


def portee(utilisateur, **parametres):
    return Portee(QueryDict("&".join(f"{n}={v}" for n, v in parametres.items())), utilisateur)


def test_de_septembre_a_decembre_l_accueil_dit_le_quota_qui_reste_a_signer(monde):
    QuotaFactory(exercice=monde.exercice, postes_notifies=3)
    ConventionFactory(
        poste__contrat=monde.caen, debut=date(2025, 5, 1), fin=date(2027, 4, 30), signee_le=date(2025, 4, 2)
    )
    vue = portee(monde.agent, annee=2025, departement=14)
    assert quota_a_signer(vue, date(2025, 8, 31)) is None
    quota = quota_a_signer(vue, date(2025, 9, 1))
    assert (quota.notifies, quota.signees, quota.inutilises) == (3, 1, 2)
    assert quota_a_signer(vue, date(2026, 10, 1)) is None  # l'année est finie : la liste le dit perdu
    for exclu in (
        habiliter(Role.PARTENAIRE, departement=monde.calvados),
        habiliter(Role.AGENT, contrat=monde.caen),
    ):
        assert quota_a_signer(portee(exclu, annee=2025, departement=14), date(2025, 9, 1)) is None
    monde.exercice.quota_adultes_relais.postes_notifies = 1
    monde.exercice.quota_adultes_relais.save()
    assert quota_a_signer(vue, date(2025, 9, 1)) is None  # tout est signé


def test_un_agent_du_gard_partenaire_ici_n_y_lit_ni_le_quota_ni_la_section_des_postes(client, monde):
    QuotaFactory(exercice=monde.exercice, postes_notifies=3)
    personne = habiliter(Role.AGENT, departement=DepartementFactory(code="30"))
    HabilitationFactory(utilisateur=personne, role=Role.PARTENAIRE, departement=monde.calvados)
    personne = Utilisateur.objects.get(pk=personne.pk)
    assert quota_a_signer(portee(personne, annee=2025, departement=14), date(2025, 9, 1)) is None
    liste = ouvrir(client, personne, "/dispositifs/adultes-relais/", annee=2025, departement=14)
    assert "Quota 2025" not in liste.content.decode()
    fiche = ouvrir(client, personne, f"/territoires/contrats/{monde.caen.pk}/", annee=2025)
    assert fiche.status_code == 200
    assert "Postes adultes-relais" not in fiche.content.decode()
    assert "Aucun poste" not in fiche.content.decode()


def test_l_accueil_porte_la_phrase_du_quota(client):
    jour = timezone.localdate()
    exercice = ExerciceFactory(annee=jour.year)
    QuotaFactory(exercice=exercice, postes_notifies=2)
    client.force_login(habiliter(Role.DELEGUE, departement=exercice.departement))
    page = client.get("/", follow=True)
    phrases = textes(page, "//div[contains(@class,'fr-alert--warning')]/p")
    attendue = (
        f"Adultes-relais : 2 postes restent à signer en {jour.year}, sur 2 notifiés. Un poste notifié ne se reporte pas "
        "d’une année sur l’autre."
    )
    assert phrases == ([attendue] if jour.month >= 9 else [])


# --- Les fiches de territoire ---


def test_la_fiche_d_un_contrat_montre_ses_pre_et_ses_postes(client, monde):
    page = ouvrir(client, monde.agent, f"/territoires/contrats/{monde.caen.pk}/", annee=2025)
    pre = "//table[caption='Programmes de réussite éducative']/tbody/tr"
    assert textes(page, f"{pre}/th") == ["PRE de Caen"]
    assert textes(page, f"{pre}/td") == ["130", "100 000,00 €", "769,23 €", "60 000,50 €"]
    assert noeuds(page, f"{pre}/th/a")[0].get("href") == f"/dispositifs/pre/{monde.pre.pk}/2025/"
    postes = "//table[caption='Postes adultes-relais']/tbody/tr"
    assert textes(page, f"{postes}/*") == [
        "01424R0001",
        str(monde.poste.employeur),
        "Sans convention",
        "19/07/2025",
        "2025",
    ]
    assert "Aucun poste FONJEP." in textes(page, "//section[@id='dispositifs']/p")
    page = ouvrir(client, monde.agent, f"/territoires/contrats/{monde.lisieux.pk}/", annee=2025)
    assert textes(page, "//table[caption='Postes FONJEP']/tbody/tr/*") == [
        "D0001",
        str(monde.fonjep.association),
        "31/12/2026",
        "—",
    ]
    for lien in noeuds(page, "//section[@id='dispositifs']//a"):
        assert client.get(lien.get("href")).status_code == 200


def test_la_fiche_d_un_quartier_montre_le_pre_de_sa_commune_et_ses_postes(client, monde):
    monde.pre.suivis.update(enfants_suivis=4)
    page = ouvrir(client, monde.agent, f"/territoires/quartiers/{monde.chemin_vert.pk}/", annee=2025)
    assert textes(page, "//table[caption='Programmes de réussite éducative']/tbody/tr/*")[:2] == ["PRE de Caen", MASQUE]
    assert textes(page, "//table[caption='Postes adultes-relais']/tbody/tr/th") == ["01424R0001"]
    autre_commune = QuartierFactory(contrat=monde.caen, communes=[CommuneFactory()])
    page = ouvrir(client, monde.agent, f"/territoires/quartiers/{autre_commune.pk}/", annee=2025)
    assert textes(page, "//section[@id='dispositifs']/p") == [
        "Aucun programme de réussite éducative en 2025.",
        "Aucun poste adulte-relais.",
        "Aucun poste FONJEP.",
    ]


def test_un_partenaire_lit_les_pre_de_son_contrat_sur_la_fiche_mais_aucun_poste(client, monde):
    partenaire = habiliter(Role.PARTENAIRE, contrat=monde.caen)
    page = ouvrir(client, partenaire, f"/territoires/contrats/{monde.caen.pk}/", annee=2025)
    assert textes(page, "//section[@id='dispositifs']//caption") == ["Programmes de réussite éducative"]
    assert "01424R0001" not in page.content.decode()
    assert "adulte-relais" not in textes(page, "//section[@id='dispositifs']")[0]


def test_la_fiche_lit_autant_de_fois_la_base_pour_1_et_pour_3_postes(client, monde):
    adresse = f"/territoires/contrats/{monde.caen.pk}/"
    TriennaliteFactory(poste__contrat=monde.caen)
    avant = requetes(client, monde, adresse, annee=2025)
    for _ in range(2):
        OccupationFactory(convention=ConventionFactory(poste__contrat=monde.caen))
        TriennaliteFactory(poste__contrat=monde.caen)
        SuiviPreFactory(programme=ProgrammeFactory(contrat=monde.caen), exercice=monde.exercice)
    assert requetes(client, monde, adresse, annee=2025) == avant


def test_l_agent_d_un_autre_departement_ne_lit_rien_d_ici(client, monde):
    gard = DepartementFactory(code="30")
    ExerciceFactory(departement=gard, annee=2025)
    page = ouvrir(client, habiliter(Role.AGENT, departement=gard), annee=2025, postes="avec")
    assert textes(page, f"{LIGNES}/td[1]") == ["0", "0"]
