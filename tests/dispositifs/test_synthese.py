"""Le radar, le quota, les évaluations FONJEP, les relevés publiés, les contrôles, le périmètre et `verifier`."""

from datetime import date
from decimal import Decimal

import pytest

from comptes.enums import Role
from dispositifs.controles import CONTROLES_DES_ADULTES_RELAIS, CONTROLES_FONJEP
from dispositifs.enums import CategorieEmployeur, Horizon, NatureContrat, SuiteConvention
from dispositifs.models import (
    ConventionAdulteRelais,
    LieuDuPoste,
    LieuFonjep,
    PosteAdulteRelais,
    PosteFonjep,
    QuotaAdulteRelais,
    ReleveAnct,
    TriennaliteFonjep,
)
from dispositifs.synthese import evaluations_attendues, radar, releves_par_annee, synthese_du_quota
from dispositifs.synthese.situations import vacant_depuis
from pilotage.verification import dispositifs as verification
from tests.dispositifs.fabriques import (
    AvenantFactory,
    BaremeFonjepFactory,
    ConventionFactory,
    OccupationFactory,
    PosteFactory,
    PosteFonjepFactory,
    QuotaFactory,
    ReleveFactory,
    TriennaliteFactory,
)
from tests.fabriques import ContratFactory, DepartementFactory, QuartierFactory, UtilisateurFactory, euros, habiliter

pytestmark = pytest.mark.django_db

AU = date(2026, 11, 22)


def echeances():
    return radar(ConventionAdulteRelais.objects.all(), AU)


def finissant(fin, **champs):
    return ConventionFactory(debut=date(fin.year - 2, 1, 1), fin=fin, **champs)


# --- Le radar ---


@pytest.mark.parametrize(
    ("fin", "horizon", "jours"),
    [
        (date(2026, 11, 22), Horizon.TROIS_MOIS, 0),
        (date(2027, 2, 22), Horizon.TROIS_MOIS, 92),
        (date(2027, 2, 23), Horizon.SIX_MOIS, 93),
        (date(2027, 5, 22), Horizon.SIX_MOIS, 181),
        (date(2027, 5, 23), Horizon.DOUZE_MOIS, 182),
        (date(2027, 11, 22), Horizon.DOUZE_MOIS, 365),
        (date(2026, 11, 21), Horizon.ECHUE, -1),
    ],
)
def test_une_convention_est_a_son_horizon(fin, horizon, jours):
    finissant(fin)
    assert [(e.horizon, e.jours) for e in echeances()] == [(horizon, jours)]


def test_ce_qui_finit_dans_plus_d_un_an_ou_a_fini_avec_une_suite_n_y_est_pas():
    finissant(date(2027, 11, 23))
    finissant(date(2026, 11, 21), suite=SuiteConvention.TERMINER)
    passee = finissant(date(2025, 12, 31))
    ConventionFactory(poste=passee.poste, debut=date(2026, 1, 1), fin=date(2028, 12, 31))
    assert echeances() == []


def test_le_radar_dit_qui_suit_et_la_prochaine_etape():
    agent = UtilisateurFactory()
    convention = finissant(date(2026, 12, 31), poste__agent_referent=agent)
    recus = ["demande_recue_le", "bilan_recu_le", "avis_du_delegue_le"]
    dites = []
    for champ in [*recus, None]:
        (echeance,) = echeances()
        dites.append(echeance.prochaine_etape)
        if champ:
            setattr(convention, champ, AU)
            convention.save()
    assert dites == [
        "Attendu : demande de renouvellement reçue.",
        "Attendu : bilan reçu.",
        "Attendu : avis du délégué du préfet.",
        "Décider de la suite.",
    ]
    assert echeance.responsable == agent
    assert [etape.faite_le for etape in echeance.etapes] == [AU] * 3


@pytest.mark.parametrize(
    ("suite", "avec_suivante", "etape"),
    [
        (SuiteConvention.RENOUVELER, True, "Rien : la convention suivante est enregistrée."),
        (SuiteConvention.RENOUVELER, False, "Enregistrer la convention suivante."),
        (SuiteConvention.TERMINER, False, "Rien : la fin est décidée."),
    ],
)
def test_une_suite_decidee_change_la_prochaine_etape(suite, avec_suivante, etape):
    recus = dict.fromkeys(["demande_recue_le", "bilan_recu_le", "avis_du_delegue_le"], AU)
    convention = finissant(date(2026, 12, 31), suite=suite, **recus)
    if avec_suivante:
        ConventionFactory(poste=convention.poste, debut=date(2027, 1, 1), fin=date(2029, 12, 31))
    assert [e.prochaine_etape for e in echeances()] == [etape]


@pytest.mark.parametrize("nombre", [1, 3])
def test_le_radar_se_lit_en_une_requete(nombre, django_assert_num_queries):
    for _ in range(nombre):
        finissant(date(2026, 12, 31), poste__agent_referent=UtilisateurFactory())
    with django_assert_num_queries(1):
        assert len([(e.convention.poste.employeur.nom, str(e.responsable)) for e in echeances()]) == nombre


def test_l_evaluation_fonjep_est_attendue_six_mois_avant_le_terme():
    en_retard = TriennaliteFactory(fin=date(2026, 12, 31))
    a_venir = TriennaliteFactory(debut=date(2025, 1, 1), fin=date(2027, 8, 31), rang=2)
    TriennaliteFactory(evaluation_recue_le=date(2026, 6, 1))
    TriennaliteFactory(debut=date(2025, 1, 1), fin=date(2027, 12, 31))
    dites = evaluations_attendues(TriennaliteFonjep.objects.all(), AU)
    assert [(e.triennalite, e.attendue_le, e.en_retard, e.reconductible) for e in dites] == [
        (en_retard, date(2026, 6, 30), True, True),
        (a_venir, date(2027, 2, 28), False, False),
    ]


# --- Le quota et les relevés ---


def test_le_quota_dit_les_postes_notifies_signes_et_inutilises():
    exercice = QuotaFactory(postes_notifies=3).exercice
    ConventionFactory(signee_le=date(2026, 2, 1))
    ConventionFactory(signee_le=date(2025, 2, 1))
    ConventionFactory(debut=date(2026, 3, 1), signee_le=None)
    ConventionFactory(poste__departement=DepartementFactory(code="30"), signee_le=date(2026, 2, 1))
    quota = synthese_du_quota(exercice, QuotaAdulteRelais.objects.all())
    assert (quota.notifies, quota.signees, quota.inutilises, quota.sans_date) == (3, 1, 2, 1)


def test_un_quota_non_notifie_est_inconnu():
    exercice = QuotaFactory().exercice
    QuotaAdulteRelais.objects.all().delete()
    quota = synthese_du_quota(exercice, QuotaAdulteRelais.objects.all())
    assert (quota.notifies, quota.inutilises, quota.signees) == (None, None, 0)


def test_les_releves_publies_se_comptent_a_part_par_annee():
    poste = PosteFactory()
    ReleveFactory(poste=poste, annee=2023, montant=euros("22555,73"))
    ReleveFactory(poste=poste)
    ReleveFactory(poste=poste, rang=2)
    ReleveFactory()
    lus = releves_par_annee(ReleveAnct.objects.all())
    assert [(r.annee, r.lignes, r.postes, r.montant) for r in lus] == [
        (2023, 1, 1, euros("22555,73")),
        (2024, 3, 2, euros("68431,83")),
    ]
    assert [r.reserve for r in lus] == ["", "3 lignes\xa0: des postes sont répétés"]


def test_un_adulte_relais_publie_au_montant_d_un_fonjep_est_a_verifier():
    BaremeFonjepFactory(montant=euros(7164))
    ReleveFactory(annee=2025, montant=euros(7164))
    ReleveFactory(annee=2025, montant=euros("22555,73"))
    (lu,) = releves_par_annee(ReleveAnct.objects.all())
    assert (lu.au_montant_fonjep, lu.reserve) == (1, "1 ligne au montant d’un poste FONJEP")


# --- Les contrôles ---


def releves_par(postes, controles):
    return {c.code for c in controles if c.parmi(postes, AU).exists()}


def test_un_poste_sain_n_est_releve_par_aucun_controle():
    OccupationFactory()
    BaremeFonjepFactory()
    ReleveFactory(poste=PosteAdulteRelais.objects.get())
    assert releves_par(PosteAdulteRelais.objects.all(), CONTROLES_DES_ADULTES_RELAIS) == set()


def test_le_poste_06121_de_2023_est_releve():
    poste = PosteFactory(numero="06121R0002", contrat=None, categorie_employeur="")
    postes = PosteAdulteRelais.objects.filter(pk=poste.pk)
    assert releves_par(postes, CONTROLES_DES_ADULTES_RELAIS) == {
        "autre_departement",
        "sans_contrat",
        "categorie_inconnue",
    }


def test_les_anomalies_de_la_liste_publiee_sont_relevees():
    BaremeFonjepFactory()
    poste = PosteFactory()
    ReleveFactory(poste=poste, annee=2024, siret="84284043100014")
    ReleveFactory(poste=poste, annee=2025, siret="84284043100022", montant=euros(7164))
    ReleveFactory(poste=poste, annee=2025, siret="84284043100022", montant=euros(7164), rang=2)
    assert releves_par(PosteAdulteRelais.objects.all(), CONTROLES_DES_ADULTES_RELAIS) == {
        "releve_au_bareme_fonjep",
        "siret_qui_change",
        "releve_repete",
    }


def test_une_vacance_de_trois_mois_et_une_occupation_inconnue_sont_relevees():
    longue = OccupationFactory(vacant=True, debut=date(2026, 8, 22)).convention.poste
    courte = OccupationFactory(vacant=True, debut=date(2026, 8, 23)).convention.poste
    inconnue = ConventionFactory().poste
    par_code = {c.code: c for c in CONTROLES_DES_ADULTES_RELAIS}
    postes = PosteAdulteRelais.objects.all()
    assert list(par_code["vacance_longue"].parmi(postes, AU)) == [longue]
    assert list(par_code["occupation_inconnue"].parmi(postes, AU)) == [inconnue]
    assert courte.conventions.count() == 1


def vacants(poste, *periodes):
    """Chaque période vacante dans sa convention ; la dernière sans fin."""
    for debut, fin in periodes:
        convention = ConventionFactory(poste=poste, debut=debut, fin=fin or date(2028, 12, 31))
        OccupationFactory(convention=convention, vacant=True, debut=debut, fin=fin)
    return poste


def test_une_vacance_se_compte_a_travers_le_renouvellement_de_la_convention():
    """Vacant du 01/10 au 31/12/2025, puis depuis le 01/01/2026 à la convention suivante : une seule vacance."""
    octobre, janvier, fevrier = date(2025, 10, 1), date(2026, 1, 1), date(2026, 2, 1)
    suivie = vacants(PosteFactory(), (octobre, date(2025, 12, 31)), (janvier, None))
    coupee = vacants(PosteFactory(), (octobre, date(2025, 12, 31)), (fevrier, None))
    neuve = vacants(PosteFactory(), (janvier, None))
    renommee = ConventionFactory(debut=octobre, fin=date(2027, 12, 31))
    OccupationFactory(convention=renommee, vacant=True, fin=date(2025, 12, 31))
    OccupationFactory(convention=renommee, vacant=True, debut=janvier)
    finie = vacants(PosteFactory(), (octobre, date(2025, 12, 31)))
    pourvu = OccupationFactory(convention__debut=octobre, vacant=True, fin=date(2025, 12, 31)).convention
    OccupationFactory(convention=pourvu, debut=janvier)
    postes = PosteAdulteRelais.objects.order_by("pk").annotate(depuis=vacant_depuis(date(2026, 2, 15)))
    assert [(poste, poste.depuis) for poste in postes] == [
        (suivie, octobre),
        (coupee, fevrier),
        (neuve, janvier),
        (renommee.poste, octobre),
        (finie, None),
        (pourvu.poste, None),
    ]
    (controle,) = [c for c in CONTROLES_DES_ADULTES_RELAIS if c.code == "vacance_longue"]
    assert set(controle.parmi(postes, date(2026, 1, 1))) == {suivie, renommee.poste}
    assert not controle.parmi(postes, date(2025, 12, 31)).exists()


def test_une_convention_echue_sans_suite_est_relevee():
    """Le radar montre les mêmes : ni celles que suit une autre, ni celles dont la fin est décidée."""
    passee = {"debut": date(2023, 1, 1), "fin": date(2025, 12, 31)}
    echue = ConventionFactory(**passee).poste
    ConventionFactory(**passee, suite=SuiteConvention.TERMINER)
    suivie = ConventionFactory(**passee).poste
    ConventionFactory(poste=suivie, debut=date(2026, 1, 1), fin=date(2026, 12, 31))
    (controle,) = [c for c in CONTROLES_DES_ADULTES_RELAIS if c.code == "convention_echue"]
    assert list(controle.parmi(PosteAdulteRelais.objects.all(), AU)) == [echue]


def test_un_poste_fonjep_publie_deux_fois_est_nomme():
    poste = PosteFonjepFactory(contrat=None)
    for rang in (1, 2):
        poste.releves.create(annee=2025, rang=rang, id_publie=poste.code, montant=euros(7164))
    assert releves_par(PosteFonjep.objects.all(), CONTROLES_FONJEP) == {"releve_repete", "sans_contrat"}


# --- Le périmètre ---


def visibles(role, **territoire):
    return set(PosteAdulteRelais.objects.visibles_par(habiliter(role, **territoire)))


def test_chaque_habilitation_voit_les_postes_de_son_territoire():
    contrat = ContratFactory()
    quartiers = [QuartierFactory(contrat=contrat) for _ in range(2)]
    ici, la, sans_lieu = [PosteFactory(contrat=contrat) for _ in range(3)]
    LieuDuPoste.objects.create(poste=ici, quartier=quartiers[0])
    LieuDuPoste.objects.create(poste=la, quartier=quartiers[1])
    hors_contrat, autre_contrat = PosteFactory(contrat=None), PosteFactory()
    gard = PosteFactory(departement=DepartementFactory(code="30"))
    calvados = {ici, la, sans_lieu, hors_contrat, autre_contrat}
    assert visibles(Role.LECTEUR, france_entiere=True) == calvados | {gard}
    assert visibles(Role.AGENT) == calvados
    assert visibles(Role.AGENT, contrat=contrat) == {ici, la, sans_lieu}
    assert visibles(Role.LECTEUR, quartier=quartiers[0]) == {ici, sans_lieu}
    assert visibles(Role.DELEGUE, quartier=quartiers[0]) == {ici, sans_lieu, hors_contrat}
    assert visibles(Role.PARTENAIRE, contrat=contrat) == set()


def test_les_conventions_les_quotas_et_les_postes_fonjep_suivent_le_meme_perimetre():
    agent = habiliter(Role.AGENT)
    visible, quota, fonjep = ConventionFactory(), QuotaFactory(), PosteFonjepFactory()
    gard = DepartementFactory(code="30")
    ConventionFactory(poste__departement=gard)
    QuotaFactory(exercice__departement=gard)
    PosteFonjepFactory(departement=gard)
    assert list(ConventionAdulteRelais.objects.visibles_par(agent)) == [visible]
    assert list(QuotaAdulteRelais.objects.visibles_par(agent)) == [quota]
    assert list(PosteFonjep.objects.visibles_par(agent)) == [fonjep]
    assert QuotaAdulteRelais.objects.visibles_par(habiliter(Role.LECTEUR, france_entiere=True)).count() == 2


# --- manage.py verifier ---


def ecarts():
    verifications = [
        verification.duree_d_une_convention,
        verification.periodes_d_un_poste,
        verification.territoire_d_un_poste,
    ]
    return [str(ecart) for verifier in verifications for ecart in verifier()]


def test_verifier_se_tait_sur_des_postes_sains():
    OccupationFactory()
    AvenantFactory()
    TriennaliteFactory()
    LieuDuPoste.objects.create(poste=(p := PosteFactory()), quartier=QuartierFactory(contrat=p.contrat))
    assert ecarts() == []


def test_verifier_nomme_ce_qui_contredit_les_regles():
    longue = ConventionFactory(debut=date(2021, 1, 1), fin=date(2024, 1, 1))
    ConventionFactory(poste=longue.poste, debut=date(2024, 1, 1))
    OccupationFactory(
        convention__poste__categorie_employeur=CategorieEmployeur.EPLE,
        nature_contrat=NatureContrat.CDI,
        debut=date(2023, 1, 1),
    )
    AvenantFactory(nouvelle_fin=date(2025, 6, 30), quotite=Decimal(100))
    premiere = TriennaliteFactory()
    TriennaliteFactory(poste=premiere.poste, rang=1, debut=date(2026, 1, 1), fin=date(2028, 12, 31))
    ailleurs = PosteFactory(
        departement=DepartementFactory(code="30"), contrat=ContratFactory(departement=DepartementFactory())
    )
    LieuFonjep.objects.create(poste=premiere.poste, quartier=(quartier := QuartierFactory()))
    dits = ecarts()
    assert dits[0] == f"convention adulte-relais {longue.pk} : attendu au plus le 31/12/2023, trouvé 01/01/2024"
    assert [dit for dit in dits if "se chevauchent" in dit and longue.poste.numero in dit] != []
    assert [dit for dit in dits if "Pas de CDI" in dit] != []
    assert [dit for dit in dits if "L’occupation commence hors" in dit] != []
    assert [dit for dit in dits if "son dernier avenant" in dit] != []
    assert [dit for dit in dits if "se chevauchent" in dit and premiere.poste.code in dit] != []
    assert dits[-2:] == [
        f"poste adulte-relais {ailleurs.pk} « {ailleurs.numero} » : attendu Gard, trouvé Calvados",
        f"quartier du poste FONJEP {premiere.poste.lieux.get().pk} : attendu un quartier du contrat, trouvé {quartier.nom}",
    ]
    assert len(dits) == 8
