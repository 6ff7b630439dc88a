"""Les montants : lus comme un agent les écrit, exacts au centime sur les deux moteurs."""

from decimal import Decimal

import pytest
from django.core import serializers
from django.core.exceptions import FieldError, ValidationError
from django.db import IntegrityError, connection, models, transaction
from django.db.models import F, Value
from django.db.models.functions import Coalesce

from politique_ville.outils.montants import (
    MontantField,
    MontantFormField,
    lire_montant,
    total,
    total_lie,
    vers_centimes,
    vers_euros,
)
from programmation.models import Action, Financement, MouvementEnveloppe
from tests.fabriques import ActionFactory, FinanceurFactory, MouvementFactory, cofinancement, euros, p147

# --- Lire ---


@pytest.mark.parametrize(
    ("texte", "montant"),
    [
        ("1234,50", "1234.50"),
        ("1234.5", "1234.50"),
        ("1 234,50 €", "1234.50"),
        ("1\u00a0234,50\u00a0€", "1234.50"),
        ("1\u202f234\u202f567,89\u00a0€", "1234567.89"),
        ("1\u2009234", "1234.00"),
        ("0", "0.00"),
        ("-12,3", "-12.30"),
    ],
)
def test_un_montant_se_lit_avec_n_importe_quelle_espace(texte, montant):
    assert lire_montant(texte) == Decimal(montant)
    assert str(lire_montant(texte)) == montant


@pytest.mark.parametrize("texte", ["", "   ", "\u00a0", "€"])
def test_un_texte_vide_est_un_montant_inconnu(texte):
    assert lire_montant(texte) is None


@pytest.mark.parametrize(
    ("texte", "code"),
    [
        ("12,345", "decimales"),
        ("0.001", "decimales"),
        ("mille", "invalid"),
        ("12,50 euros", "invalid"),
        ("1.234,50", "invalid"),
        ("NaN", "invalid"),
        ("Infinity", "invalid"),
        ("10000000000", "max_value"),
        ("1e3", "invalid"),
        ("1_000", "invalid"),
    ],
)
def test_ce_qui_n_est_pas_un_montant_est_refuse_avec_sa_raison(texte, code):
    with pytest.raises(ValidationError) as erreur:
        lire_montant(texte)
    assert erreur.value.code == code
    assert texte in erreur.value.message


# --- Convertir ---


@pytest.mark.parametrize(("montant", "centimes"), [("0.01", 1), ("-12.30", -1230), (12, 1200), (None, None)])
def test_des_euros_en_centimes_et_retour(montant, centimes):
    valeur = None if montant is None else Decimal(montant)
    assert vers_centimes(valeur) == centimes
    assert vers_euros(centimes) == valeur


def test_un_flottant_n_est_jamais_un_montant():
    with pytest.raises(TypeError, match="flottant"):
        vers_centimes(12.5)
    with pytest.raises(ValidationError):
        MontantField().to_python(12.5)


# --- En base ---


@pytest.mark.django_db
def test_un_montant_revient_de_la_base_au_centime():
    action = ActionFactory(cout_previsionnel=Decimal("9999999999.99"))
    assert Action.objects.get(pk=action.pk).cout_previsionnel == Decimal("9999999999.99")


@pytest.mark.django_db
def test_un_montant_negatif_est_refuse_par_la_base_sauf_s_il_est_signe():
    action = ActionFactory()
    with pytest.raises(IntegrityError), transaction.atomic():
        Action.objects.filter(pk=action.pk).update(cout_previsionnel=Decimal("-0.01"))
    assert MouvementFactory(nature="gel", ae=Decimal("-0.01")).ae == Decimal("-0.01")


@pytest.mark.django_db
def test_additionner_deux_colonnes_rend_des_euros():
    ligne = cofinancement(ActionFactory(), FinanceurFactory(), "1000,01", "0,02")
    lue = Financement.objects.annotate(somme=F("demande") + F("accorde"), reste=F("demande") - F("accorde")).get(
        pk=ligne.pk
    )
    assert (lue.somme, lue.reste) == (Decimal("1000.03"), Decimal("999.99"))
    ecart = Value(Decimal("999.99"), MontantField())
    assert Financement.objects.filter(demande=F("accorde") + ecart).count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("calcul", [F("demande") * F("accorde"), F("demande") / 2, F("demande") + Decimal(1)])
def test_melanger_des_euros_et_des_centimes_est_refuse(calcul):
    with pytest.raises(FieldError):
        list(Financement.objects.annotate(calcul=calcul))


@pytest.mark.django_db
def test_une_somme_de_30_000_montants_est_exacte():
    """30 000 × 1,37 € = 41 100,00 € ; en flottants, SQLite rend 41 100,000 000 008."""
    modele = MouvementFactory(ae=Decimal("1.37"))
    champs = {"enveloppe": modele.enveloppe, "auteur": modele.auteur, "date": modele.date, "nature": modele.nature}
    montants = {"ae": Decimal("1.37"), "cp": Decimal("1.37")}
    MouvementEnveloppe.objects.bulk_create(MouvementEnveloppe(**champs, **montants) for _ in range(29_999))
    sommes = MouvementEnveloppe.objects.order_by().aggregate(somme=total("ae"))
    assert sommes == {"somme": Decimal("41100.00")}


@pytest.mark.django_db
def test_la_somme_liee_est_inconnue_si_tout_l_est_et_ne_se_multiplie_pas():
    payee, inconnue = ActionFactory(), ActionFactory()
    p147(payee, 700, 300)
    cofinancement(payee, FinanceurFactory(), 200)
    p147(inconnue, None)
    lignes = Financement.objects.all()
    actions = Action.objects.order_by("pk").annotate(
        demande=total_lie(lignes, "demande", "action"), accorde=total_lie(lignes, "accorde", "action")
    )
    assert [(a.demande, a.accorde) for a in actions] == [(Decimal("900.00"), Decimal("300.00")), (None, None)]


@pytest.mark.django_db
def test_remplacer_l_inconnu_par_zero_rend_des_euros():
    p147(ActionFactory(), None)
    zero = Value(Decimal(0), MontantField())
    assert Financement.objects.annotate(montant=Coalesce("demande", zero)).get().montant == Decimal("0.00")


@pytest.mark.django_db
def test_un_montant_se_serialise_en_euros():
    ligne = p147(ActionFactory(), "1234,50")
    texte = serializers.serialize("json", [ligne])
    assert '"demande": "1234.50"' in texte
    assert next(serializers.deserialize("json", texte)).object.demande == Decimal("1234.50")


@pytest.mark.parametrize("options", [{}, {"signe": True}, {"null": True}])
def test_une_migration_reconstruit_le_meme_champ(options):
    nom, chemin, arguments, mots = MontantField("montant", **options).deconstruct()
    copie = MontantField(*arguments, **mots)
    assert (chemin, copie.signe, copie.null) == (
        "politique_ville.outils.montants.MontantField",
        options.get("signe", False),
        options.get("null", False),
    )
    assert copie.db_type(connection) == models.BigIntegerField().db_type(connection)


# --- Formulaire ---


@pytest.mark.parametrize(
    ("saisie", "montant"), [("1 234,50", Decimal("1234.50")), ("", None), (Decimal("12.5"), Decimal("12.50"))]
)
def test_le_formulaire_lit_ce_qui_est_colle(saisie, montant):
    assert MontantFormField(required=False).clean(saisie) == montant


@pytest.mark.parametrize("saisie", ["12,345", "abc", "-1"])
def test_le_formulaire_refuse_ce_que_le_modele_refuse(saisie):
    with pytest.raises(ValidationError):
        MontantField().formfield().clean(saisie)


def test_un_champ_signe_accepte_un_negatif():
    assert MontantField(signe=True).formfield().clean("-1,50") == Decimal("-1.50")


def test_le_formulaire_remontre_le_montant_a_la_francaise():
    champ = MontantFormField()
    assert champ.prepare_value(Decimal("1234.5")) == "1234,50"
    assert champ.prepare_value("1 2x") == "1 2x"
    assert champ.widget.attrs["inputmode"] == "decimal"


def test_euros_est_l_ecriture_des_tests():
    assert euros("100,01") == Decimal("100.01")
