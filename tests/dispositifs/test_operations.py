"""Les gestes sur les postes : ce qu'ils écrivent, et les mauvaises entrées, refusées en français sans rien écrire."""

from datetime import date
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from comptes.enums import Role
from dispositifs import operations
from dispositifs.enums import CategorieEmployeur, EtatOccupation, Mission, NatureContrat, SuiteConvention
from dispositifs.models import (
    BaremeAdulteRelais,
    ConventionAdulteRelais,
    Occupation,
    PosteAdulteRelais,
    ReleveAnct,
    TriennaliteFonjep,
)
from dispositifs.operations import ModifieEntreTemps, Saisie, SaisieDePoste
from programmation.enums import StatutExercice
from programmation.operations import DroitManquant, MotifExige, OperationRefusee
from tests.dispositifs.fabriques import (
    AvenantFactory,
    ConventionFactory,
    OccupationFactory,
    PosteFactory,
    PosteFonjepFactory,
    QuotaFactory,
    TriennaliteFactory,
)
from tests.fabriques import ContratFactory, ExerciceFactory, OrganismeFactory, QuartierFactory, euros, habiliter

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent():
    return habiliter(Role.AGENT)


def convention(agent, poste, debut, fin, **champs):
    saisie = Saisie({"poste": poste, "debut": debut, "fin": fin, **champs})
    return operations.enregistrer_des_conventions([saisie], par=agent)[0]


def occupation(agent, convention, **champs):
    champs = {"etat": EtatOccupation.POURVU, "nature_contrat": NatureContrat.CDD, **champs}
    return operations.enregistrer_des_occupations([Saisie({"convention": convention, **champs})], par=agent)[0]


def refus(geste, *args, exception=OperationRefusee, **champs):
    """Les messages d'un geste refusé, par champ, après avoir vérifié que rien n'est écrit."""
    avant = [modele.objects.count() for modele in (PosteAdulteRelais, ConventionAdulteRelais, Occupation)]
    with pytest.raises(exception) as erreur:
        geste(*args, **champs)
    assert avant == [modele.objects.count() for modele in (PosteAdulteRelais, ConventionAdulteRelais, Occupation)]
    return erreur.value.message_dict if hasattr(erreur.value, "error_dict") else erreur.value.messages


# --- Les postes ---


def test_un_poste_se_cree_avec_ses_quartiers_et_ses_missions(agent):
    contrat = ContratFactory()
    quartiers = [QuartierFactory(contrat=contrat), QuartierFactory(contrat=contrat)]
    champs = {
        "departement": contrat.departement,
        "contrat": contrat,
        "numero": "01414R0045",
        "employeur": OrganismeFactory(),
        "categorie_employeur": CategorieEmployeur.ASSOCIATION,
    }
    missions = [Mission.ACCUEIL, Mission.CONFLITS]
    poste = operations.enregistrer_des_postes(
        [SaisieDePoste(champs, quartiers=quartiers, missions=missions)], par=agent
    )[0]
    assert set(poste.quartiers.all()) == set(quartiers)
    assert {m.mission for m in poste.missions.all()} == set(missions)
    assert (poste.version, poste.history.get().history_user) == (1, agent)


def test_une_saisie_sans_changement_n_ecrit_rien(agent):
    poste = PosteFactory()
    operations.enregistrer_des_postes([SaisieDePoste({"numero": poste.numero}, poste, 1, [], [])], par=agent)
    poste.refresh_from_db()
    assert (poste.version, poste.history.count()) == (1, 1)


def test_changer_un_poste_augmente_sa_version_et_remplace_ses_quartiers(agent):
    poste = PosteFactory()
    quartiers = [QuartierFactory(contrat=poste.contrat) for _ in range(2)]
    operations.enregistrer_des_postes([SaisieDePoste({}, poste, 1, quartiers[:1])], par=agent)
    operations.enregistrer_des_postes([SaisieDePoste({"numero": "01424R9999"}, poste, 2, quartiers[1:])], par=agent)
    poste.refresh_from_db()
    assert (poste.version, poste.numero, list(poste.quartiers.all())) == (3, "01424R9999", quartiers[1:])


def test_un_conflit_de_version_se_dit_et_n_ecrit_rien(agent):
    poste = PosteFactory(version=4)
    saisie = SaisieDePoste({"numero": None}, poste, 3)
    messages = refus(operations.enregistrer_des_postes, [saisie], par=agent, exception=ModifieEntreTemps)
    assert messages == [f"« {poste} » a été modifié entre-temps par quelqu’un d’autre."]


def test_un_agent_d_un_autre_departement_ne_touche_pas_au_poste():
    gard = habiliter(Role.AGENT, contrat=ContratFactory())
    poste = PosteFactory()
    saisie = SaisieDePoste({"numero": None}, poste)
    refus(operations.enregistrer_des_postes, [saisie], par=gard, exception=DroitManquant)
    refus(operations.enregistrer_des_postes, [saisie], par=habiliter(Role.LECTEUR), exception=DroitManquant)


def test_un_numero_mal_ecrit_ou_deja_pris_est_refuse(agent):
    poste = PosteFactory()
    saisie = SaisieDePoste({"numero": "1414R45"}, poste)
    assert refus(operations.enregistrer_des_postes, [saisie], par=agent)["numero"] == [
        "Un numéro de poste s’écrit comme 01414R0045."
    ]
    saisie = SaisieDePoste({"numero": PosteFactory().numero}, poste)
    refus(operations.enregistrer_des_postes, [saisie], par=agent)


def test_un_quartier_d_un_autre_contrat_est_refuse(agent):
    saisie = SaisieDePoste({}, PosteFactory(), quartiers=[QuartierFactory()])
    assert (
        "n’est pas un quartier du contrat"
        in refus(operations.enregistrer_des_postes, [saisie], par=agent)["quartiers"][0]
    )


def test_un_poste_occupe_en_cdi_ne_passe_pas_a_une_collectivite(agent):
    poste = OccupationFactory(nature_contrat=NatureContrat.CDI).convention.poste
    saisie = SaisieDePoste({"categorie_employeur": CategorieEmployeur.COLLECTIVITE}, poste)
    assert "nature_contrat" in refus(operations.enregistrer_des_postes, [saisie], par=agent)


# --- Les conventions ---


def test_un_poste_a_des_conventions_successives(agent):
    poste = PosteFactory()
    convention(agent, poste, date(2021, 1, 1), date(2023, 12, 31))
    convention(agent, poste, date(2024, 1, 1), date(2026, 12, 31))
    poste.refresh_from_db()
    assert (poste.conventions.count(), poste.version) == (2, 3)


def test_deux_conventions_qui_se_chevauchent_sont_refusees(agent):
    poste = ConventionFactory().poste
    messages = refus(convention, agent, poste, date(2026, 12, 31), date(2027, 12, 31))
    assert messages["debut"] == [
        "Deux périodes se chevauchent : convention du 01/01/2024 au 31/12/2026, "
        "puis convention du 31/12/2026 au 31/12/2027."
    ]


def test_deux_conventions_d_un_meme_lot_qui_se_chevauchent_sont_refusees(agent):
    poste = PosteFactory()
    saisies = [
        Saisie({"poste": poste, "debut": date(2024, 1, 1), "fin": date(2024, 12, 31)}),
        Saisie({"poste": poste, "debut": date(2024, 6, 1), "fin": date(2025, 12, 31)}),
    ]
    assert "debut" in refus(operations.enregistrer_des_conventions, saisies, par=agent)


@pytest.mark.parametrize(
    ("debut", "fin", "permise"),
    [
        (date(2024, 7, 1), date(2027, 6, 30), True),
        (date(2024, 7, 1), date(2027, 7, 1), False),
        (date(2024, 2, 29), date(2027, 2, 28), True),
        (date(2024, 2, 29), date(2027, 3, 1), False),
    ],
)
def test_une_convention_dure_au_plus_trois_ans(agent, debut, fin, permise):
    poste = PosteFactory()
    if permise:
        assert convention(agent, poste, debut, fin).fin == fin
    else:
        assert "au plus trois ans" in refus(convention, agent, poste, debut, fin)["fin"][0]


@pytest.mark.parametrize("quotite", ["40", "49.99", "100.01"])
def test_une_quotite_hors_des_bornes_est_refusee(agent, quotite):
    messages = refus(convention, agent, PosteFactory(), date(2024, 1, 1), date(2024, 12, 31), quotite=Decimal(quotite))
    assert messages["quotite"] == ["La quotité va de la moitié d’un temps plein (50) à un temps plein (100)."]


def test_la_base_refuse_une_quotite_de_40():
    with pytest.raises(IntegrityError), transaction.atomic():
        ConventionFactory(quotite=Decimal(40))


def test_une_convention_finit_apres_avoir_commence_et_porte_le_numero_du_poste(agent):
    poste = PosteFactory()
    refus(convention, agent, poste, date(2024, 6, 1), date(2024, 1, 1))
    messages = refus(convention, agent, poste, date(2024, 1, 1), date(2024, 12, 31), numero="01499R999901")
    assert messages["numero"] == [f"Ce numéro n’est pas celui du poste {poste.numero}."]


def test_changer_la_quotite_d_une_convention_signee_demande_un_motif(agent):
    signee = ConventionFactory()
    saisie = Saisie({"quotite": Decimal(80)}, signee)
    refus(operations.enregistrer_des_conventions, [saisie], par=agent, exception=MotifExige)
    operations.enregistrer_des_conventions([saisie], par=agent, motif="Erreur de saisie")
    signee.refresh_from_db()
    assert signee.quotite == 80
    assert signee.history.first().history_change_reason == "Erreur de saisie"


def test_un_conflit_de_version_vaut_aussi_pour_les_conventions(agent):
    lue = ConventionFactory(poste__version=2)
    saisie = Saisie({"bilan_recu_le": date(2026, 3, 1)}, lue, 1)
    refus(operations.enregistrer_des_conventions, [saisie], par=agent, exception=ModifieEntreTemps)


@pytest.mark.parametrize("versions", [(1, None), (None, 1), (1, 2)])
def test_dans_un_lot_une_seule_version_depassee_suffit_au_conflit(agent, versions):
    """Deux lignes du même poste, aujourd'hui en version 2 : aucune n'efface ce que l'autre a lu."""
    convention = ConventionFactory(poste__version=2)
    suite = ConventionFactory(poste=convention.poste, debut=date(2027, 1, 1), fin=date(2027, 12, 31))
    lues = zip((convention, suite), versions, strict=True)
    saisies = [Saisie({"bilan_recu_le": date(2026, 3, 1)}, lue, version) for lue, version in lues]
    refus(operations.enregistrer_des_conventions, saisies, par=agent, exception=ModifieEntreTemps)
    periode = TriennaliteFactory(poste__version=2)
    suivante = TriennaliteFactory(poste=periode.poste, rang=1, debut=date(2027, 1, 1), fin=date(2029, 12, 31))
    lues = zip((periode, suivante), versions, strict=True)
    saisies = [Saisie({"evaluation_recue_le": date(2026, 3, 1)}, lue, version) for lue, version in lues]
    refus(operations.enregistrer_des_triennalites, saisies, par=agent, exception=ModifieEntreTemps)


def test_renouveler_cree_la_convention_du_lendemain_a_la_meme_quotite(agent):
    ancienne = AvenantFactory(convention__quotite=Decimal(60)).convention
    nouvelle = operations.renouveler(ancienne, par=agent, fin=date(2029, 12, 31), version=1)
    assert (nouvelle.debut, nouvelle.fin, nouvelle.quotite) == (date(2027, 1, 1), date(2029, 12, 31), Decimal(80))
    ancienne.refresh_from_db()
    assert ancienne.suite == SuiteConvention.RENOUVELER


def test_renouveler_deux_fois_ou_trop_longtemps_est_refuse_et_n_ecrit_rien(agent):
    ancienne = ConventionFactory()
    refus(operations.renouveler, ancienne, par=agent, fin=date(2030, 1, 1))
    ancienne.refresh_from_db()
    assert ancienne.suite == SuiteConvention.A_DECIDER
    operations.renouveler(ancienne, par=agent, fin=date(2029, 12, 31))
    assert "suit déjà" in refus(operations.renouveler, ancienne, par=agent, fin=date(2029, 12, 31))[0]


# --- Les avenants ---


def test_un_avenant_change_la_quotite_ou_la_fin(agent):
    ancienne = ConventionFactory()
    operations.ajouter_un_avenant(ancienne, par=agent, date_effet=date(2025, 3, 1), quotite=Decimal(80), version=1)
    operations.ajouter_un_avenant(
        ancienne, par=agent, date_effet=date(2025, 7, 1), nouvelle_fin=date(2025, 6, 30), version=2
    )
    ancienne.refresh_from_db()
    assert (ancienne.fin, ancienne.quotite, ancienne.avenants.count()) == (date(2025, 6, 30), 100, 2)
    assert operations.quotite_au(ancienne, date(2025, 2, 28)) == 100
    assert operations.quotite_au(ancienne, date(2025, 3, 1)) == 80


@pytest.mark.parametrize(
    ("champs", "champ"),
    [
        ({"date_effet": date(2023, 12, 31), "quotite": Decimal(80)}, "date_effet"),
        ({"date_effet": date(2023, 12, 31), "nouvelle_fin": date(2025, 6, 30)}, "date_effet"),
        ({"date_effet": date(2025, 7, 1), "nouvelle_fin": date(2025, 6, 30), "quotite": Decimal(80)}, "date_effet"),
        ({"date_effet": date(2027, 1, 1), "quotite": Decimal(80)}, "date_effet"),
        ({"date_effet": date(2025, 1, 1), "quotite": Decimal(40)}, "quotite"),
        ({"date_effet": date(2025, 1, 1), "nouvelle_fin": date(2027, 1, 1)}, "fin"),
    ],
)
def test_un_avenant_hors_des_regles_est_refuse(agent, champs, champ):
    assert champ in refus(operations.ajouter_un_avenant, ConventionFactory(), par=agent, **champs)


def test_un_avenant_qui_ne_change_rien_est_refuse(agent):
    messages = refus(operations.ajouter_un_avenant, ConventionFactory(), par=agent, date_effet=date(2025, 1, 1))
    assert messages == ["Un avenant change la quotité ou la fin de la convention."]


def test_ecourter_une_convention_occupee_apres_sa_nouvelle_fin_est_refuse(agent):
    ancienne = OccupationFactory(fin=date(2026, 6, 30)).convention
    messages = refus(
        operations.ajouter_un_avenant, ancienne, par=agent, date_effet=date(2025, 1, 1), nouvelle_fin=date(2025, 1, 1)
    )
    assert "finit hors de la convention" in messages["fin"][0]


# --- Les occupations ---


def test_un_poste_est_pourvu_puis_vacant(agent):
    signee = ConventionFactory()
    premiere = occupation(agent, signee, debut=date(2024, 1, 1), fin=date(2024, 5, 31))
    occupation(agent, signee, debut=date(2024, 6, 1), etat=EtatOccupation.VACANT, nature_contrat="")
    signee.poste.refresh_from_db()
    assert (signee.occupations.count(), signee.poste.version) == (2, 3)
    saisie = Saisie({"fin": date(2024, 4, 30)}, premiere, 3)
    operations.enregistrer_des_occupations([saisie], par=agent)
    premiere.refresh_from_db()
    assert premiere.fin == date(2024, 4, 30)


@pytest.mark.parametrize(
    ("champs", "champ"),
    [
        ({"debut": date(2023, 12, 31)}, "debut"),
        ({"debut": date(2027, 1, 1)}, "debut"),
        ({"debut": date(2026, 1, 1), "fin": date(2027, 1, 1)}, "fin"),
    ],
)
def test_une_occupation_hors_de_la_convention_est_refusee(agent, champs, champ):
    assert "hors de la convention" in refus(occupation, agent, ConventionFactory(), **champs)[champ][0]


def test_deux_occupations_qui_se_chevauchent_sont_refusees(agent):
    en_cours = OccupationFactory()  # sans fin : jusqu'au terme de la convention
    assert "se chevauchent" in refus(occupation, agent, en_cours.convention, debut=date(2025, 1, 1))["debut"][0]


@pytest.mark.parametrize("categorie", CategorieEmployeur)
def test_le_cdi_est_interdit_aux_personnes_publiques_sauf_epic_et_office_hlm(agent, categorie):
    signee = ConventionFactory(poste__categorie_employeur=categorie)
    champs = {"debut": date(2024, 1, 1), "nature_contrat": NatureContrat.CDI}
    if categorie in ("collectivite", "eple", "sante"):
        assert "Pas de CDI" in refus(occupation, agent, signee, **champs)["nature_contrat"][0]
    else:
        assert occupation(agent, signee, **champs).nature_contrat == NatureContrat.CDI


@pytest.mark.parametrize(
    "champs",
    [{"nature_contrat": ""}, {"etat": EtatOccupation.VACANT}, {"fin": date(2023, 1, 1)}],
)
def test_une_occupation_incoherente_est_refusee_par_la_base(agent, champs):
    refus(occupation, agent, ConventionFactory(), debut=date(2024, 1, 1), **champs)


# --- Le quota et les relevés ---


def test_le_quota_est_tenu_par_le_responsable_avec_un_motif_s_il_change():
    exercice, responsable = ExerciceFactory(), habiliter(Role.RESPONSABLE)
    geste = operations.enregistrer_le_quota
    refus(geste, exercice, {"postes_notifies": 30}, par=habiliter(Role.AGENT), exception=DroitManquant)
    geste(exercice, {"postes_notifies": 30}, par=responsable)
    refus(geste, exercice, {"postes_notifies": 28}, par=responsable, exception=MotifExige)
    quota = geste(exercice, {"postes_notifies": 28}, par=responsable, version=1, motif="Gel")
    assert (quota.postes_notifies, quota.version, quota.history.count()) == (28, 2, 2)
    refus(geste, exercice, {"postes_notifies": 27}, par=responsable, version=1, exception=ModifieEntreTemps)


def test_le_quota_d_un_exercice_clos_ne_change_plus():
    quota = QuotaFactory(exercice__statut=StatutExercice.CLOS)
    responsable = habiliter(Role.RESPONSABLE)
    refus(operations.enregistrer_le_quota, quota.exercice, {"postes_notifies": 1}, par=responsable, motif="Essai")


def releve(poste, **champs):
    return ReleveAnct(poste=poste, annee=2024, id_publie=f"{poste.numero}00", montant=euros("22810,61"), **champs)


def test_un_releve_publie_s_enregistre_une_fois_meme_repete_dans_le_fichier(agent):
    poste = PosteFactory()
    geste = operations.enregistrer_des_releves
    assert geste([releve(poste), releve(poste, rang=2)], par=agent, motif="Liste 2024") == 2
    assert geste([releve(poste), releve(poste, rang=2)], par=agent, motif="Liste 2024") == 0
    assert geste([], par=agent, motif="Rien") == 0
    contraire = releve(poste, siret="84284043100014")
    assert "avec d’autres valeurs" in refus(geste, [contraire], par=agent, motif="Liste 2024")[0]


# --- FONJEP ---


def test_un_poste_fonjep_a_trois_periodes_au_plus(agent):
    poste = TriennaliteFactory().poste
    suite = [
        Saisie({"poste": poste, "rang": 1, "debut": date(2027, 1, 1), "fin": date(2029, 12, 31)}),
        Saisie({"poste": poste, "rang": 2, "debut": date(2030, 1, 1), "fin": date(2032, 12, 31)}),
    ]
    operations.enregistrer_des_triennalites(suite, par=agent)
    poste.refresh_from_db()
    assert (poste.triennalites.count(), poste.version) == (3, 2)
    de_trop = Saisie({"poste": poste, "rang": 3, "debut": date(2033, 1, 1), "fin": date(2035, 12, 31)})
    messages = refus(operations.enregistrer_des_triennalites, [de_trop], par=agent)
    assert messages == ["Un poste FONJEP se reconduit deux fois au plus."]


@pytest.mark.parametrize(
    ("debut", "fin", "champ"),
    [
        (date(2026, 12, 31), date(2028, 12, 31), "debut"),
        (date(2027, 1, 1), date(2030, 1, 1), "fin"),
        (date(2020, 1, 1), date(2020, 12, 31), "rang"),
    ],
)
def test_une_periode_fonjep_hors_des_regles_est_refusee(agent, debut, fin, champ):
    poste = TriennaliteFactory().poste
    saisie = Saisie({"poste": poste, "rang": 1, "debut": debut, "fin": fin})
    assert champ in refus(operations.enregistrer_des_triennalites, [saisie], par=agent)


def test_l_evaluation_d_une_periode_se_date(agent):
    periode = TriennaliteFactory()
    saisie = Saisie({"evaluation_recue_le": date(2026, 6, 1)}, periode, 1)
    operations.enregistrer_des_triennalites([saisie], par=agent)
    assert TriennaliteFonjep.objects.get().evaluation_recue_le == date(2026, 6, 1)


def test_un_poste_fonjep_s_enregistre_comme_un_poste(agent):
    poste = PosteFonjepFactory()
    quartier = QuartierFactory(contrat=poste.contrat)
    operations.enregistrer_des_postes_fonjep([SaisieDePoste({"code": "D00924"}, poste, 1, [quartier])], par=agent)
    poste.refresh_from_db()
    assert (poste.code, poste.version, list(poste.quartiers.all())) == ("D00924", 2, [quartier])


# --- Les barèmes ---


def test_un_bareme_sans_date_d_effet_est_refuse_par_la_base():
    with pytest.raises(IntegrityError), transaction.atomic():
        BaremeAdulteRelais.objects.create(montant=euros(20000), statut="annuel", source="Sans date")


@pytest.mark.parametrize(("montant", "statut"), [(None, "annuel"), (euros(20000), "inconnu")])
def test_un_bareme_inconnu_n_a_pas_de_montant_et_les_autres_en_ont_un(montant, statut):
    with pytest.raises(IntegrityError), transaction.atomic():
        BaremeAdulteRelais.objects.create(date_effet=date(2025, 1, 1), montant=montant, statut=statut, source="x")
