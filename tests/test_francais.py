"""L'écriture des nombres en français, et les liens de liste."""

import importlib
from decimal import Decimal

import django_filters
import pytest
from django import forms
from django.http import QueryDict
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.utils.safestring import mark_safe

from politique_ville.outils.formulaires import PhrasesMixin
from politique_ville.outils.francais import euros, euros_entiers, nombre, pluriel, pourcent, signe
from politique_ville.outils.listes import filtres_actifs, remplacer_parametres
from territoires.models import Departement
from tests.fabriques import DepartementFactory, habiliter


@pytest.mark.parametrize(
    ("valeur", "texte"),
    [
        (Decimal("1234.5"), "1\u202f234,50\u00a0€"),
        (Decimal("1234567.89"), "1\u202f234\u202f567,89\u00a0€"),
        (Decimal("0"), "0,00\u00a0€"),
        (Decimal("-0.001"), "0,00\u00a0€"),
        (Decimal("-1200"), "\u22121\u202f200,00\u00a0€"),
        (Decimal("0.005"), "0,01\u00a0€"),
        (None, "—"),
    ],
)
def test_un_montant_s_ecrit_a_la_francaise(valeur, texte):
    assert euros(valeur) == texte


@pytest.mark.parametrize("valeur", [1234.5, "1234.50", 123450, True, ""])
def test_un_montant_du_mauvais_type_est_refuse_plutot_que_mal_ecrit(valeur):
    with pytest.raises(TypeError):
        euros(valeur)


@pytest.mark.parametrize(
    ("valeur", "texte"),
    [(Decimal("1234.50"), "1\u202f235\u00a0€"), (Decimal("1234.49"), "1\u202f234\u00a0€"), (None, "—")],
)
def test_un_montant_entier_est_arrondi_a_l_euro(valeur, texte):
    assert euros_entiers(valeur) == texte


@pytest.mark.parametrize(
    ("valeur", "texte"), [(27278, "27\u202f278"), (Decimal("77683"), "77\u202f683"), (0, "0"), (None, "—")]
)
def test_un_nombre_separe_ses_milliers(valeur, texte):
    assert nombre(valeur) == texte


@pytest.mark.parametrize("valeur", [12.0, "12", Decimal("12.5"), True])
def test_un_nombre_qui_n_est_pas_entier_est_refuse(valeur):
    with pytest.raises(TypeError):
        nombre(valeur)


@pytest.mark.parametrize(
    ("valeur", "texte"), [(Decimal("12.345"), "12,3\u00a0%"), (Decimal("100"), "100,0\u00a0%"), (None, "—")]
)
def test_une_part_a_une_decimale(valeur, texte):
    assert pourcent(valeur) == texte


@pytest.mark.parametrize(
    ("valeur", "unite", "texte"),
    [
        (Decimal("1200"), "€", "+1\u202f200,00\u00a0€"),
        (Decimal("-0.4"), "point", "\u22120,4\u00a0point"),
        (Decimal("2"), "point", "+2,0\u00a0points"),
        (Decimal("-1.96"), "point", "\u22122,0\u00a0points"),
        (Decimal("3.1"), "%", "+3,1\u00a0%"),
        (Decimal("0.01"), "point", "0,0\u00a0point"),
        (None, "€", "—"),
    ],
)
def test_un_ecart_porte_son_signe(valeur, unite, texte):
    assert signe(valeur, unite) == texte


@pytest.mark.parametrize(
    ("quantite", "texte"),
    [(0, "0 action"), (1, "1 action"), (2, "2 actions"), (1250, "1\u202f250 actions")],
)
def test_zero_est_au_singulier(quantite, texte):
    assert pluriel(quantite, "action", "actions") == texte


def test_les_filtres_sont_disponibles_dans_tout_gabarit():
    gabarit = Template(
        '{{ m|euros }} {{ m|euros_entiers }} {{ n|nombre }} {{ p|pourcent }} {{ p|signe:"point" }} {{ n|pluriel:"action,actions" }}'
    )
    rendu = gabarit.render(Context({"m": Decimal("12.5"), "n": 3, "p": Decimal("4.2")}))
    assert rendu == "12,50\u00a0€ 13\u00a0€ 3 4,2\u00a0% +4,2\u00a0points 3 actions"


def test_un_nom_de_variable_faux_ne_s_ecrit_pas_comme_un_montant():
    with pytest.raises(TypeError):
        Template("{{ montan|euros }}").render(Context({"montant": Decimal("1")}))


@pytest.mark.parametrize(
    ("changements", "adresse"),
    [
        ({"page": 2}, "?contrat=3&tri=nom&contrat2=a&page=2"),
        ({"tri": "-nom"}, "?contrat=3&tri=-nom&contrat2=a"),
        ({"contrat": None, "page": None}, "?tri=nom&contrat2=a"),
        ({"contrat": [4, 5]}, "?contrat=4&contrat=5&tri=nom&contrat2=a"),
    ],
)
def test_modifier_un_parametre_garde_les_autres_dans_leur_ordre(changements, adresse):
    assert remplacer_parametres(QueryDict("contrat=3&tri=nom&contrat2=a"), **changements) == adresse


def test_les_liens_gardent_la_recherche_meme_dans_un_include_only():
    requete = RequestFactory().get("/", {"q": "é&è", "tri": "nom"})
    html = render_to_string("composants/tri.html", {"libelle": "Nom", "cle": "nom", "tri": "nom"}, requete)
    assert 'aria-sort="ascending"' in html
    assert 'href="?q=%C3%A9%26%C3%A8&amp;tri=-nom"' in html


class ActionsFilterSet(django_filters.FilterSet):
    q = django_filters.CharFilter(label="Recherche")
    statut = django_filters.MultipleChoiceFilter(label="Statut", choices=[("a", "Déposée"), ("b", "Instruite")])
    depuis = django_filters.DateFilter(label="Depuis le")
    partagee = django_filters.BooleanFilter(label="Partagée")
    departement = django_filters.ModelChoiceFilter(label="Département", queryset=Departement.objects.all())
    voisins = django_filters.ModelMultipleChoiceFilter(label="Voisins", queryset=Departement.objects.all())
    tri = django_filters.OrderingFilter(fields=["nom"])


def actifs(adresse):
    filtres = ActionsFilterSet(QueryDict(adresse), queryset=Departement.objects.none())
    return [(f.libelle, f.valeur, f.lien) for f in filtres_actifs(filtres, sauf=["tri"])]


def test_les_filtres_actifs_se_disent_en_mots_et_se_retirent_un_a_un():
    assert actifs("q=école&statut=a&statut=b&tri=nom&page=4") == [
        ("Recherche", "école", "?statut=a&statut=b&tri=nom"),
        ("Statut", "Déposée", "?q=%C3%A9cole&statut=b&tri=nom"),
        ("Statut", "Instruite", "?q=%C3%A9cole&statut=a&tri=nom"),
    ]


def test_une_date_et_un_oui_non_se_lisent():
    assert [valeur for _, valeur, _ in actifs("depuis=2026-03-12&partagee=false")] == ["12/03/2026", "non"]


@pytest.mark.parametrize("adresse", ["", "q=", "depuis=hier", "statut=inconnu"])
def test_un_filtre_vide_ou_invalide_n_est_pas_montre(adresse):
    assert actifs(adresse) == []


@pytest.mark.django_db
def test_un_filtre_sur_des_objets_dit_leur_nom(django_assert_num_queries):
    calvados = DepartementFactory(code="14", nom="Calvados")
    gard = DepartementFactory(code="30", nom="Gard")
    adresse = f"departement={calvados.pk}&voisins={calvados.pk}&voisins={gard.pk}"
    with django_assert_num_queries(2):  # la validation des deux critères, et rien de plus
        mots = actifs(adresse)
    assert mots == [
        ("Département", "Calvados (14)", f"?voisins={calvados.pk}&voisins={gard.pk}"),
        ("Voisins", "Calvados (14)", f"?departement={calvados.pk}&voisins={gard.pk}"),
        ("Voisins", "Gard (30)", f"?departement={calvados.pk}&voisins={calvados.pk}"),
    ]


# --- Les refus ---

JAMAIS_VALIDES = {"PorteeForm", "ClasseurForm"}  # remplis par ce qui est montré
DU_PERSONNEL_TECHNIQUE = {"comptes.admin", "politique_ville.galerie"}


def descendantes(classe):
    for fille in classe.__subclasses__():
        yield fille
        yield from descendantes(fille)


def les_notres(classe):
    applications = ("politique_ville", "comptes", "territoires", "programmation", "dispositifs", "pilotage")
    return [c for c in descendantes(classe) if c.__module__.split(".")[0] in applications]


def test_chaque_formulaire_et_chaque_filtre_refuse_avec_nos_mots():
    """Ni « Sélectionnez un choix valide. a n'en fait pas partie. », ni « Ce champ est obligatoire. »."""
    importlib.import_module("politique_ville.urls")  # les vues ont chargé leurs formulaires
    formulaires = [f for f in les_notres(forms.Form) if f.__module__ not in DU_PERSONNEL_TECHNIQUE]
    muets = [f.__name__ for f in formulaires if not issubclass(f, PhrasesMixin) and f.__name__ not in JAMAIS_VALIDES]
    muets += [f.__name__ for f in les_notres(django_filters.FilterSet) if not issubclass(f._meta.form, PhrasesMixin)]
    assert muets == []


@pytest.mark.django_db
@pytest.mark.parametrize("adresse", ["/programmation/actions/?statut=a", "/territoires/quartiers/?generation=a"])
def test_un_filtre_refuse_nomme_le_champ_et_le_remede(client, adresse):
    client.force_login(habiliter())
    page = client.get(adresse).content.decode()
    assert "Sélectionnez un choix valide" not in page
    assert "Ce choix n’est pas proposé ici pour" in page


def test_le_filtre_insecables_pose_les_espaces_sans_rien_rendre_sur():
    rendu = Template("{{ saisi|insecables }}|{{ sur|insecables }}").render(
        Context({"saisi": "Gel : <b> « été »", "sur": mark_safe("<b>Vide ;</b>")})
    )
    assert rendu == "Gel\u00a0: &lt;b&gt; «\u00a0été\u00a0»|<b>Vide\u00a0;</b>"
