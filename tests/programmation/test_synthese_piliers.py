"""Les parts des piliers, calculées à la main sur l'exemple de docs/calculs.md."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from comptes.enums import Role
from programmation.enums import FamilleFinanceur, StatutAction
from programmation.models import Action, Campagne, Financement, PartenaireFinanceur
from programmation.synthese import Base, ChoixDeBase, Provisoire, Somme, sommes_par, synthese_des_piliers
from tests.fabriques import (
    ActionFactory,
    CampagneFactory,
    DepartementFactory,
    FinanceurFactory,
    PilierFactory,
    RepereFactory,
    action_programmee,
    cofinancement,
    euros,
    habiliter,
    localiser,
    p147,
)

ACCORDE, DEMANDE = ChoixDeBase(), ChoixDeBase(Base.P147_DEMANDE)


def toutes():
    return Action.objects.all()


def en_chiffres(synthese):
    """(code, montant, nombre, part) de chaque ligne."""
    return [(ligne.pilier.code, ligne.montant, ligne.nombre, ligne.part) for ligne in synthese.lignes]


def d(texte):
    return Decimal(texte)


@pytest.mark.parametrize(
    ("choix", "lignes", "somme"),
    [
        (
            ACCORDE,
            [
                ("cohesion-sociale", d("8000.01"), 2, d("80.0")),
                ("cadre-de-vie", d("0.00"), 0, d("0.0")),
                ("emploi", d("1499.99"), 1, d("15.0")),
                ("pilotage", d("500.00"), 1, d("5.0")),
            ],
            Somme(d("10000.00"), 4, 0),
        ),
        (
            ChoixDeBase(avec_pre=False),
            [
                ("cohesion-sociale", d("5000.01"), 1, d("71.4")),
                ("cadre-de-vie", d("0.00"), 0, d("0.0")),
                ("emploi", d("1499.99"), 1, d("21.4")),
                ("pilotage", d("500.00"), 1, d("7.2")),
            ],
            Somme(d("7000.00"), 3, 0),
        ),
        (
            DEMANDE,
            [
                ("cohesion-sociale", d("10000.00"), 2, d("60.6")),
                ("cadre-de-vie", d("2000.00"), 1, d("12.1")),
                ("emploi", d("3500.00"), 2, d("21.2")),
                ("pilotage", d("1000.00"), 1, d("6.1")),
            ],
            Somme(d("16500.00"), 6, 0),
        ),
        (
            ChoixDeBase(Base.COUT),
            [
                ("cohesion-sociale", d("18000.00"), 2, d("76.6")),
                ("cadre-de-vie", d("0.00"), 0, d("0.0")),
                ("emploi", d("4000.00"), 1, d("17.0")),
                ("pilotage", d("1500.00"), 1, d("6.4")),
            ],
            Somme(d("23500.00"), 4, 0),
        ),
        (
            ChoixDeBase(Base.TOUS_FINANCEURS),
            [
                ("cohesion-sociale", d("12200.01"), 2, d("75.3")),
                ("cadre-de-vie", d("0.00"), 0, d("0.0")),
                ("emploi", d("3499.99"), 1, d("21.6")),
                ("pilotage", d("500.00"), 1, d("3.1")),
            ],
            Somme(d("16200.00"), 4, 0),
        ),
        (
            ChoixDeBase(Base.TOUS_FINANCEURS, avec_annonce=True),
            [
                ("cohesion-sociale", d("14200.01"), 2, d("78.0")),
                ("cadre-de-vie", d("0.00"), 0, d("0.0")),
                ("emploi", d("3499.99"), 1, d("19.2")),
                ("pilotage", d("500.00"), 1, d("2.8")),
            ],
            Somme(d("18200.00"), 4, 0),
        ),
        (
            ChoixDeBase(Base.NOMBRE),
            [
                ("cohesion-sociale", None, 2, d("50.0")),
                ("cadre-de-vie", d("0.00"), 0, d("0.0")),
                ("emploi", None, 1, d("25.0")),
                ("pilotage", None, 1, d("25.0")),
            ],
            Somme(None, 4, 0),
        ),
    ],
)
def test_les_parts_de_chaque_base_font_exactement_cent(exemple, choix, lignes, somme):
    synthese = synthese_des_piliers(toutes(), choix)
    assert en_chiffres(synthese) == lignes
    assert synthese.total == somme
    assert sum(ligne.part for ligne in synthese.lignes) == 100


def test_un_quartier_choisi_donne_ses_parts(exemple):
    """5 000,01 € aux clés 2, 3 et 5 : 1 000,00 € à Q1 et 1 500,00 € à Q2 ; l'action compte une fois."""
    synthese = synthese_des_piliers(toutes(), ACCORDE, quartiers=[exemple.q1, exemple.q2])
    assert synthese.lignes[0].montant == d("2500.00")
    assert synthese.total == Somme(d("2500.00"), 1, 0)


@pytest.mark.parametrize(
    ("choix", "montant"),
    [
        (ChoixDeBase(Base.COUT), d("2000.00")),
        (ChoixDeBase(Base.TOUS_FINANCEURS), d("1540.00")),
        (DEMANDE, d("3200.00")),
    ],
)
def test_le_quartier_prend_sa_part_dans_toutes_les_bases(exemple, choix, montant):
    """Q1, clé 2 sur 10 : coût 2 000 €, acquis 1 000 + 400 + 140 € ; demandé 1 200 € de A1 et 2 000 € de A5."""
    assert synthese_des_piliers(toutes(), choix, quartiers=[exemple.q1]).total.montant == montant


def test_le_transversal_ne_change_pas_le_total(exemple):
    avant = synthese_des_piliers(toutes(), ACCORDE)
    [valeurs] = avant.transversaux
    assert (valeurs.pilier, valeurs.montant, valeurs.nombre, valeurs.part) == (
        exemple.valeurs,
        d("5500.01"),
        2,
        d("55.0"),
    )
    for action in (exemple.a2, exemple.a3):
        action.piliers_transversaux.add(exemple.valeurs)
    apres = synthese_des_piliers(toutes(), ACCORDE)
    assert (apres.total, en_chiffres(apres)) == (avant.total, en_chiffres(avant))
    assert apres.transversaux[0].montant == d("10000.00")


# --- Repères ---


def ecarts(synthese):
    return {ligne.pilier.code: (ligne.ecart.points, ligne.ecart.euros) for ligne in synthese.lignes if ligne.ecart}


def test_l_ecart_au_repere_est_en_points_et_en_euros(exemple):
    """80,0 − 80 = 0 point et 8 000,01 − 80 % de 10 000 € ; 0,0 − 2 = −2 points, soit −200 €."""
    synthese = synthese_des_piliers(toutes(), ACCORDE)
    assert ecarts(synthese) == {"cohesion-sociale": (d("0.0"), d("0.01")), "cadre-de-vie": (d("-2.0"), d("-200.00"))}
    assert synthese.lignes[0].ecart.repere == exemple.repere_cohesion


@pytest.mark.parametrize("choix", [ChoixDeBase(Base.NOMBRE), ChoixDeBase(avec_pre=False)])
def test_le_repere_est_tu_sans_montant_ou_sans_pre(exemple, choix):
    assert ecarts(synthese_des_piliers(toutes(), choix)) == {}


def test_le_repere_du_departement_l_emporte_sur_les_autres(exemple):
    calvados = DepartementFactory()
    sien = RepereFactory(pilier=exemple.cohesion, part=d("75.0"), departement=calvados)
    RepereFactory(pilier=exemple.cohesion, part=d("60.0"), departement=DepartementFactory(code="76"))
    synthese = synthese_des_piliers(toutes(), ACCORDE, departement=calvados)
    assert synthese.lignes[0].ecart.repere == sien
    assert ecarts(synthese)["cohesion-sociale"] == (d("5.0"), d("500.01"))


# --- Zéro et inconnu ---


@pytest.mark.django_db
def test_sans_action_tout_est_a_zero_et_les_parts_sont_sans_objet():
    PilierFactory()
    synthese = synthese_des_piliers(toutes(), ACCORDE)
    assert en_chiffres(synthese) == [("cohesion-sociale", d("0.00"), 0, None)]
    assert synthese.total == Somme(d("0.00"), 0, 0)
    assert synthese.provisoire is None


@pytest.mark.django_db
def test_une_somme_de_tout_inconnu_est_inconnue():
    p147(ActionFactory(), None)
    ActionFactory()
    synthese = synthese_des_piliers(toutes(), DEMANDE)
    assert en_chiffres(synthese) == [("cohesion-sociale", None, 2, None)]
    assert synthese.total == Somme(None, 2, 2)


@pytest.mark.django_db
def test_un_montant_inconnu_parmi_d_autres_est_compte_comme_non_renseigne():
    p147(ActionFactory(), 700)
    p147(ActionFactory(), None)
    assert synthese_des_piliers(toutes(), DEMANDE).total == Somme(d("700.00"), 2, 1)


@pytest.mark.django_db
@pytest.mark.parametrize("montants", [(1000, 1000), (1000, 250)])
def test_plusieurs_financements_par_action_ne_multiplient_rien(montants):
    """Deux cofinancements égaux, puis différents : la somme est la leur, le nombre est celui des actions."""
    action = action_programmee(500)
    for montant in montants:
        cofinancement(action, FinanceurFactory(), montant, montant)
    assert synthese_des_piliers(toutes(), ChoixDeBase(Base.TOUS_FINANCEURS)).total == Somme(
        euros(500 + sum(montants)), 1, 0
    )
    assert synthese_des_piliers(toutes(), ACCORDE).total == Somme(d("500.00"), 1, 0)
    assert synthese_des_piliers(toutes(), ChoixDeBase(Base.COUT)).total == Somme(d("10000.00"), 1, 0)


@pytest.mark.parametrize(
    "actions",
    [
        lambda: Action.objects.filter(financements__financeur__isnull=False),
        lambda: Action.objects.filter(localisations__isnull=False) | Action.objects.filter(financements__isnull=False),
        lambda: Action.objects.order_by("-recherche").avec_montants(),
        lambda: Action.objects.filter(porteur__nom__startswith="Association", exercice__annee=2026),
        lambda: Action.objects.filter(financements__isnull=False).distinct(),
    ],
)
@pytest.mark.parametrize("choix", [ChoixDeBase(base) for base in Base])
def test_un_queryset_joint_ou_annote_donne_les_memes_totaux(exemple, actions, choix):
    assert synthese_des_piliers(actions(), choix).total == synthese_des_piliers(toutes(), choix).total


def test_une_page_n_a_pas_de_total(exemple):
    with pytest.raises(TypeError):
        synthese_des_piliers(toutes()[:50], ACCORDE)


# --- Provisoire ---


def test_provisoire_dit_ce_qui_reste_a_decider(exemple):
    assert synthese_des_piliers(toutes(), ACCORDE).provisoire == Provisoire(1, d("2000.00"))


def test_provisoire_prend_la_part_du_quartier_et_l_option_sans_pre(exemple):
    localiser(exemple.a2, {exemple.q1: 1, exemple.q2: 1})
    Action.objects.filter(pk=exemple.a2.pk).update(statut=StatutAction.INSTRUITE)
    assert synthese_des_piliers(toutes(), ACCORDE, quartiers=[exemple.q1]).provisoire == Provisoire(2, d("4000.00"))
    sans_pre = ChoixDeBase(avec_pre=False)
    assert synthese_des_piliers(toutes(), sans_pre, quartiers=[exemple.q1]).provisoire == Provisoire(1, d("2000.00"))


def test_plus_rien_n_est_provisoire_quand_les_campagnes_sont_figees(exemple):
    Campagne.objects.update(figee_le=timezone.now())
    assert synthese_des_piliers(toutes(), ACCORDE).provisoire is None


def test_une_campagne_ouverte_reste_provisoire_meme_si_tout_y_est_decide(exemple):
    Campagne.objects.update(figee_le=timezone.now())
    action_programmee(10, exercice=exemple.exercice, campagne=CampagneFactory(intitule="Été"), pilier=exemple.emploi)
    assert synthese_des_piliers(toutes(), ACCORDE).provisoire == Provisoire(0, d("0.00"))


def test_la_synthese_est_datee(exemple):
    assert timezone.now() - synthese_des_piliers(toutes(), ACCORDE).au < timedelta(minutes=1)


# --- Partenaire, requêtes ---


def test_un_partenaire_borne_a_un_financeur_ne_somme_que_ses_lignes(exemple):
    caf = habiliter(Role.PARTENAIRE, departement=DepartementFactory())
    PartenaireFinanceur.objects.create(habilitation=caf.habilitations.get(), financeur=exemple.epci)
    lignes = Financement.objects.bornes_a(caf)
    siennes = Action.objects.visibles_par(caf)
    tous = synthese_des_piliers(siennes, ChoixDeBase(Base.TOUS_FINANCEURS), lignes=lignes)
    assert tous.total == Somme(d("2200.00"), 2, 0)
    assert synthese_des_piliers(siennes, ACCORDE, lignes=lignes).total == Somme(None, 2, 2)


def test_le_nombre_de_requetes_ne_depend_pas_des_actions(exemple, django_assert_num_queries):
    with django_assert_num_queries(4):
        synthese_des_piliers(Action.objects.filter(pk=exemple.a1.pk), ACCORDE)
    with django_assert_num_queries(4):
        synthese_des_piliers(toutes(), ACCORDE)


def test_une_somme_se_groupe_par_plusieurs_champs(exemple):
    sommes = sommes_par(toutes(), ACCORDE, "contrat", "thematique")
    assert sommes == {
        (exemple.caen.pk, exemple.education.pk): Somme(d("5000.01"), 1, 0),
        (exemple.caen.pk, exemple.pre.pk): Somme(d("3000.00"), 1, 0),
        (exemple.lisieux.pk, exemple.insertion.pk): Somme(d("1499.99"), 1, 0),
        (None, exemple.education.pk): Somme(d("500.00"), 1, 0),
    }


@pytest.mark.django_db
def test_l_autofinancement_marque_droit_commun_reste_dans_tous_financeurs():
    """C'est la nature de la ligne, et non la famille du financeur, qui fait des ressources propres."""
    action = action_programmee(100)
    financeur = FinanceurFactory(nom="Fondation", famille=FamilleFinanceur.PRIVE)
    cofinancement(action, financeur, 50, 50)
    assert synthese_des_piliers(toutes(), ChoixDeBase(Base.TOUS_FINANCEURS)).total.montant == d("150.00")
