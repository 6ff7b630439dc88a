"""Le cadre des pages, les composants, les formulaires en DSFR, les pages d'erreur."""

from decimal import Decimal

import pytest
from crispy_forms.helper import FormHelper
from crispy_forms.layout import Column, Div, Fieldset, Layout, Reset, Row, Submit
from crispy_forms.utils import render_crispy_form
from django import forms
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import include, path
from pytest_django.asserts import assertHTMLEqual

from comptes.enums import Role
from politique_ville import contexte, galerie, urls, views
from tests.fabriques import UtilisateurFactory, habiliter
from tests.pages import noeuds, texte, textes

# --- Adresses d'essai : celles du site, les écrans que le menu prévoit, la galerie, et de quoi provoquer chaque erreur ---


def muette(request):
    return HttpResponse("")


def refusee(request):
    raise PermissionDenied("Seul un chef de service fige une campagne.")


def suspecte(request):
    raise SuspiciousOperation


def en_panne(request):
    raise RuntimeError("panne")


urlpatterns = [
    path(
        "pilotage/",
        include(([path("", muette, name="tableau_de_bord"), path("anct/", muette, name="anct")], "pilotage")),
    ),
    path(
        "programmation/",
        include(
            (
                [
                    path("actions/", muette, name="action_list"),
                    path("imports/", muette, name="import_list"),
                    path("modifications/", muette, name="modification_list"),
                    path("avis/", muette, name="avis_list"),
                    path("engagements/", muette, name="engagement_list"),
                    path("organismes/", muette, name="organisme_list"),
                ],
                "programmation",
            )
        ),
    ),
    path(
        "territoires/",
        include(
            (
                [path("contrats/", muette, name="contrat_list"), path("quartiers/", muette, name="quartier_list")],
                "territoires",
            )
        ),
    ),
    path("essai/composants/", views.galerie),
    path("essai/refusee/", refusee),
    path("essai/suspecte/", suspecte),
    path("essai/panne/", en_panne),
    *urls.urlpatterns,
]

pytestmark = pytest.mark.urls(__name__)


def menu(utilisateur, chemin="/compte/"):
    requete = RequestFactory().get(chemin)
    requete.user = utilisateur
    return contexte.navigation(requete)


# --- Navigation et cadre ---


def test_un_visiteur_n_a_pas_de_menu():
    assert menu(AnonymousUser()) == []


@pytest.mark.django_db
@pytest.mark.parametrize("role", list(Role))
def test_un_partenaire_n_a_ni_instruction_ni_execution_ni_classeur(role):
    libelles = [lien.libelle for lien in menu(habiliter(role))]
    de_l_etat = [] if role == Role.PARTENAIRE else ["Instruction", "Exécution", "Classeur ANCT"]
    assert libelles == ["Tableau de bord", "Actions", "Territoires", "Dispositifs", *de_l_etat, "Organismes"]


@pytest.mark.django_db
@pytest.mark.parametrize("role", list(Role))
def test_seul_qui_ecrit_a_un_menu_vers_les_imports_et_les_modifications_en_lot(role):
    enfants = {enfant.libelle for lien in menu(habiliter(role)) for enfant in lien.enfants}
    assert enfants & {"Imports", "Modifications en lot"} == (
        {"Imports", "Modifications en lot"} if role in Role.qui_ecrivent() else set()
    )


@pytest.mark.django_db
def test_un_partenaire_n_a_pas_de_menu_vers_les_postes_dont_il_ne_voit_aucun():
    def dispositifs(role):
        return [
            enfant.libelle for lien in menu(habiliter(role)) for enfant in lien.enfants if "/disp" in enfant.adresse
        ]

    assert dispositifs(Role.PARTENAIRE) == ["Réussite éducative"]
    assert dispositifs(Role.LECTEUR) == ["Réussite éducative", "Adultes-relais", "Échéances des postes", "FONJEP"]


@pytest.mark.django_db
def test_un_refus_prend_une_seule_ligne_du_journal_et_une_panne_garde_sa_trace(client, caplog):
    client.force_login(habiliter())
    client.get("/essai/refusee/")
    assert caplog.text.count("\n") == 1
    assert "Forbidden" in caplog.text
    client.raise_request_exception = False
    client.get("/essai/panne/")
    assert "Traceback" in caplog.text


@pytest.mark.django_db
def test_l_administration_est_pour_le_personnel_technique():
    assert [lien.adresse for lien in menu(UtilisateurFactory(is_staff=True))] == ["/admin/"]
    assert menu(habiliter(Role.AGENT))[-1].libelle == "Organismes"


@pytest.mark.django_db
def test_sans_habilitation_le_menu_n_ouvre_aucune_page_vide():
    assert menu(UtilisateurFactory()) == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("chemin", "courants"),
    [
        ("/pilotage/", {"Tableau de bord": "page"}),
        ("/pilotage/anct/", {"Classeur ANCT": "page"}),
        ("/programmation/actions/12/", {"Actions": "true"}),
        ("/territoires/quartiers/3/", {"Territoires": "true"}),
        ("/dispositifs/adultes-relais/3/", {"Dispositifs": "true"}),
        ("/compte/", {}),
    ],
)
def test_le_menu_montre_ou_l_on_est(chemin, courants):
    assert {lien.libelle: lien.courant for lien in menu(habiliter(), chemin) if lien.courant} == courants


@pytest.mark.django_db
@pytest.mark.urls("politique_ville.urls")
@pytest.mark.parametrize(
    ("chemin", "entree"),
    [
        ("/pilotage/passage/1/", "Exercices et campagnes"),
        ("/pilotage/exercices/1/clore/", "Exercices et campagnes"),
        ("/pilotage/campagnes/1/figer/", "Exercices et campagnes"),
        ("/pilotage/photographies/1/", "Exercices et campagnes"),
        ("/pilotage/comites/1/terminer/", "Comités"),
    ],
)
def test_les_gestes_du_pilotage_restent_dans_l_instruction(chemin, entree):
    liens = menu(habiliter(), chemin)
    assert [lien.libelle for lien in liens if lien.courant] == ["Instruction"]
    assert [e.libelle for lien in liens for e in lien.enfants if e.courant] == [entree]
    (tableau, *_) = menu(habiliter(Role.PARTENAIRE), chemin)
    assert (tableau.libelle, tableau.courant) == ("Tableau de bord", "true")


@pytest.mark.django_db
@pytest.mark.urls("politique_ville.urls")
def test_un_ecran_pas_encore_construit_n_est_pas_dans_le_menu(monkeypatch):
    monkeypatch.setattr(contexte, "MENU", (contexte.Entree("Bientôt", "pilotage:n_existe_pas"),))
    assert menu(habiliter()) == []


@pytest.mark.django_db
def test_le_menu_ne_lit_que_les_roles(django_assert_num_queries):
    utilisateur = habiliter()
    with django_assert_num_queries(1):
        menu(utilisateur)
        menu(utilisateur, "/pilotage/")


@pytest.mark.django_db
def test_une_page_a_son_lien_d_evitement_son_menu_et_ses_messages(client, settings):
    settings.BANDEAU = "Données fictives"
    utilisateur = habiliter(Role.DELEGUE)
    client.force_login(utilisateur)
    html = client.get("/compte/")
    ancres = [lien.get("href") for lien in noeuds(html, "//*[classe('fr-skiplinks')]//a")]
    assert ancres == ["#contenu", "#menu", "#pied"]
    assert all(noeuds(html, f"//*[@id='{ancre[1:]}']") for ancre in ancres)
    assert textes(html, "//*[classe('fr-notice')]") == ["Données fictives"]
    assert textes(html, "//h1") == ["Mon compte"]
    assert textes(html, "//title") == ["Mon compte — Programmation ville"]
    assert noeuds(html, "//form[@action='/compte/deconnexion/'][@method='post']//*[@name='csrfmiddlewaretoken']")
    assert "X-CSRFToken" in noeuds(html, "//body")[0].get("hx-headers")


@pytest.mark.django_db
def test_une_page_n_a_ni_script_ni_style_en_ligne_ni_ressource_exterieure(client):
    client.force_login(habiliter())
    for adresse in ("/compte/", "/essai/composants/", "/compte/connexion/"):
        html = client.get(adresse)
        assert noeuds(html, "//*[@style or @onclick or @integrity] | //style | //script[not(@src)]") == []
        adresses = [n.get("src") or n.get("href") for n in noeuds(html, "//script | //link | //img")]
        assert all(adresse.startswith("/static/") for adresse in adresses)


# --- Composants ---


def paginer(numero, total=312):
    requete = RequestFactory().get("/", {"q": "sport", "page": numero})
    page = Paginator(range(total), 50).get_page(numero)
    return render_to_string("composants/pagination.html", {"page": page, "nom": "action,actions"}, requete)


def test_la_pagination_dit_ou_l_on_est_et_garde_la_recherche():
    html = paginer(1)
    assert textes(html, "//p") == ["1 à 50 sur 312 actions"]
    assert [lien.get("href") for lien in noeuds(html, "//a[@rel]")] == ["?q=sport&page=2"]
    assert textes(html, "//*[@aria-current]") == ["1"]
    assert textes(paginer(7), "//p") == ["301 à 312 sur 312 actions"]


def test_la_pagination_n_a_aucun_lien_mort():
    assert noeuds(paginer(4), "//a[not(@href)] | //*[@disabled or @aria-disabled]") == []


@pytest.mark.parametrize(("total", "phrase"), [(0, "0 action"), (1, "1 à 1 sur 1 action")])
def test_une_seule_page_n_a_pas_de_liens(total, phrase):
    html = paginer(1, total)
    assert textes(html, "//p") == [phrase]
    assert noeuds(html, "//a") == []


def test_la_barre_ecrit_ses_longueurs_avec_un_point():
    valeurs = {"valeur": Decimal("79.6"), "repere": Decimal("80"), "libelle": "Cohésion sociale : 79,6 %"}
    html = render_to_string("composants/barre.html", valeurs)
    assert 'width="79.6%"' in html
    assert 'x1="80%"' in html
    assert 'role="img" aria-label="Cohésion sociale : 79,6 %"' in html


def test_une_barre_sans_repere_n_en_dessine_pas():
    assert "<line" not in render_to_string("composants/barre.html", {"valeur": Decimal("5"), "repere": None})


def test_le_tableau_defile_dans_son_conteneur_au_clavier():
    gabarit = Template(
        '{% load composants %}{% tableau "Actions" %}<tbody><tr><td>{{ nom }}</td></tr></tbody>{% endtableau %}'
    )
    html = gabarit.render(Context({"nom": "<b>Été</b>"}))
    assert noeuds(html, "//*[@tabindex='0'][@role='region'][@aria-label='Actions']/table/caption")
    assert textes(html, "//td") == ["<b>Été</b>"]


def test_le_fil_d_ariane_finit_sur_la_page_courante():
    html = Template('{% load composants %}{% fil_ariane "Actions" "/a/" "Chorale" %}').render(Context())
    assert textes(html, "//li") == ["Accueil", "Actions", "Chorale"]
    assert textes(html, "//*[@aria-current='page']") == ["Chorale"]


def test_une_carte_de_chiffre_mene_a_sa_liste():
    html = render_to_string("composants/chiffre.html", {"libelle": "Accordé", "valeur": "12,00 €", "lien": "/actions/"})
    assert noeuds(html, "//a[@href='/actions/']")[0].get("aria-label") == "Accordé\u00a0: 12,00 €"


# --- Formulaires ---


def rendre(formulaire):
    return Template("{% load crispy_forms_tags %}{{ formulaire|crispy }}").render(Context({"formulaire": formulaire}))


def decrit_par(html, selecteur):
    """Les textes que `aria-describedby` fait lire après l'étiquette ; échoue si un identifiant n'existe pas."""
    identifiants = noeuds(html, selecteur)[0].get("aria-describedby", "").split()
    return [texte(noeuds(html, f"//*[@id='{identifiant}']")[0]) for identifiant in identifiants]


def test_un_champ_relie_son_etiquette_son_aide_et_son_erreur():
    class Formulaire(forms.Form):
        intitule = forms.CharField(label="Intitulé", help_text="Tel qu’il est dans Dauphin.")

    assertHTMLEqual(
        rendre(Formulaire({}))[rendre(Formulaire({})).index('<div class="fr-input-group') :],
        """
        <div class="fr-input-group fr-input-group--error pv-champ">
          <label class="fr-label" for="id_intitule">Intitulé <span class="pv-obligatoire">(obligatoire)</span></label>
          <div class="fr-hint-text" id="id_intitule_helptext">Tel qu’il est dans Dauphin.</div>
          <input type="text" name="intitule" required aria-invalid="true" id="id_intitule" class="fr-input"
                 aria-describedby="id_intitule_helptext id_intitule_error">
          <div class="fr-messages-group" id="id_intitule_error">
            <p class="fr-message fr-message--error">Ce champ est obligatoire.</p>
          </div>
        </div>
        """,
    )


@pytest.mark.parametrize("donnees", [None, {"montant": "douze", "pilier": "inconnu"}])
def test_chaque_champ_a_une_etiquette_et_des_descriptions_qui_existent(donnees):
    html = rendre(galerie.ExempleForm(donnees))
    for champ in noeuds(html, "//input[@type!='hidden'] | //select | //textarea"):
        assert len(noeuds(html, f"//label[@for='{champ.get('id')}']")) == 1, champ.get("name")
    for decrit in noeuds(html, "//*[@aria-describedby]"):
        assert all(noeuds(html, f"//*[@id='{identifiant}']") for identifiant in decrit.get("aria-describedby").split())
    identifiants = [n.get("id") for n in noeuds(html, "//*[@id]")]
    assert len(identifiants) == len(set(identifiants))


@pytest.mark.parametrize(
    ("selecteur", "groupe"),
    [
        ("//input[classe('fr-input')][@name='intitule']", "fr-input-group"),
        ("//input[classe('fr-input')][@name='montant']", "fr-input-group"),
        ("//input[classe('fr-input')][@type='date'][@name='debut']", "fr-input-group"),
        ("//select[classe('fr-select')][@name='pilier']", "fr-select-group"),
        ("//input[classe('fr-upload')][@name='piece']", "fr-upload-group"),
        ("//input[@type='checkbox'][@name='accord']", "fr-checkbox-group"),
    ],
)
def test_chaque_sorte_de_champ_a_les_classes_du_dsfr_et_montre_son_erreur(selecteur, groupe):
    html = rendre(galerie.ExempleForm({"montant": "douze", "pilier": "inconnu"}))
    champ = noeuds(html, selecteur)[0]
    assert f"{groupe}--error" in champ.getparent().get("class").split()
    assert decrit_par(html, selecteur)[-1] == texte(champ.getparent().xpath(".//*[classe('fr-message--error')]")[0])


def test_les_choix_multiples_sont_groupes_sous_leur_legende():
    html = rendre(galerie.ExempleForm({}))
    assert textes(html, "//fieldset[@id='id_priorites']/legend") == ["Priorités (obligatoire)"]
    assert textes(html, "//fieldset[@id='id_priorites']//*[classe('fr-checkbox-group')]/label") == [
        "Cohésion sociale",
        "Cadre de vie",
        "Emploi",
    ]
    assert decrit_par(html, "//*[@id='id_priorites']") == ["Plusieurs choix possibles.", "Ce champ est obligatoire."]
    assert textes(html, "//fieldset[@id='id_duree']//*[classe('fr-radio-group')]/label") == [
        "Un an",
        "Convention pluriannuelle",
    ]


def test_un_champ_facultatif_ne_se_dit_pas_obligatoire():
    assert textes(rendre(galerie.ExempleForm()), "//label[@for='id_description']") == ["Description"]


def test_une_date_deja_saisie_reste_dans_le_calendrier():
    html = rendre(galerie.ExempleForm({"debut": "2026-03-12"}))
    assert noeuds(html, "//*[@name='debut']")[0].get("value") == "2026-03-12"


def test_le_resume_des_erreurs_mene_a_chaque_champ():
    html = rendre(galerie.ExempleForm({"montant": "douze", "campagne": ""}))
    liens = {texte(lien): lien.get("href") for lien in noeuds(html, "//*[classe('fr-alert--error')]//a")}
    assert liens["Montant demandé"] == "#id_montant"
    assert liens["Durée"] == "#id_duree_0"
    assert all(noeuds(html, f"//*[@id='{ancre[1:]}']") for ancre in liens.values())
    assert "Campagne : Ce champ est obligatoire." in textes(html, "//*[classe('fr-alert--error')]//li")
    assert noeuds(html, "//*[classe('fr-alert--error')]")[0].get("data-prend-le-focus") is not None


def test_un_formulaire_juste_n_a_pas_de_resume():
    assert noeuds(rendre(galerie.ExempleForm()), "//*[classe('fr-alert')]") == []


def test_une_disposition_range_les_champs_et_les_boutons():
    helper = FormHelper()
    helper.layout = Layout(
        Fieldset("Le projet", "intitule", Row(Column("montant", css_class="fr-col-md-4"), Column("debut"))),
        Div("pilier", css_class="encadre"),
    )
    helper.add_input(Submit("enregistrer", "Enregistrer"))
    helper.add_input(Reset("annuler", "Annuler", css_class="discret"))
    html = render_crispy_form(galerie.ExempleForm({}), helper, {"csrf_token": "jeton"})
    assert noeuds(
        html, "//form[@method='post'][@enctype='multipart/form-data'][@novalidate]/*[@name='csrfmiddlewaretoken']"
    )
    assert textes(html, "//fieldset[classe('fr-fieldset')][not(@id)]/legend") == ["Le projet"]
    colonnes = [n.get("class").split() for n in noeuds(html, "//*[classe('fr-grid-row')]/div")]
    assert colonnes == [["fr-col-12", "fr-col-md-4"], ["fr-col-12", "fr-col-md"]]
    assert noeuds(html, "//*[classe('encadre')]//*[@name='pilier']")
    assert [(n.get("type"), n.get("class").split()) for n in noeuds(html, "//button")] == [
        ("submit", ["fr-btn"]),
        ("reset", ["fr-btn", "fr-btn--secondary", "discret"]),
    ]
    assert len(noeuds(html, "//*[classe('fr-alert--error')]")) == 1


def test_un_formset_en_tableau_a_sa_ligne_vide_et_ses_etiquettes():
    html = render_to_string(
        "crispy_dsfr/table_inline_formset.html",
        {"formset": galerie.LigneFormSet(initial=[{"financeur": "caf"}]), "legende": "Plan de financement"},
    )
    assert textes(html, "//caption") == ["Plan de financement"]
    assert textes(html, "//thead//th") == ["Financeur (obligatoire)", "Demandé (obligatoire)", "Supprimer"]
    assert len(noeuds(html, "//*[@data-formset='form']//*[classe('fr-table__content')]/table/tbody/tr")) == 3
    assert noeuds(html, "//template[@data-ligne-vide]//*[@name='form-__prefix__-demande']")
    for champ in noeuds(html, "//table//input[@type!='hidden'] | //table//select"):
        assert len(noeuds(html, f"//label[@for='{champ.get('id')}']")) == 1
    assert noeuds(html, "//*[@name='form-TOTAL_FORMS']")


@pytest.mark.parametrize("gabarit", ["{{ lignes|crispy }}", "{% crispy lignes %}"])
def test_un_formset_se_rend_aussi_a_la_suite(gabarit):
    lignes = galerie.LigneFormSet({"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1"})
    html = Template("{% load crispy_forms_tags %}" + gabarit).render(Context({"lignes": lignes}))
    assert noeuds(html, "//*[@name='form-TOTAL_FORMS']")
    assert textes(html, "//*[classe('fr-message--error')]") == ["Ce champ est obligatoire."] * 2


# --- Pages d'erreur ---


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("adresse", "code", "titre"),
    [
        ("/essai/suspecte/", 400, "Demande illisible"),
        ("/essai/refusee/", 403, "Accès refusé"),
        ("/n/existe/pas/", 404, "Page introuvable"),
        ("/essai/panne/", 500, "Erreur du service"),
    ],
)
def test_chaque_erreur_a_sa_page_en_francais(client, adresse, code, titre):
    client.force_login(habiliter())
    client.raise_request_exception = False
    reponse = client.get(adresse)
    assert reponse.status_code == code
    assert textes(reponse, "//h1") == [titre]
    assert noeuds(reponse, "//main//a[@href='/']")


@pytest.mark.django_db
def test_un_refus_donne_sa_raison(client):
    client.force_login(habiliter())
    assert "Seul un chef de service fige une campagne." in client.get("/essai/refusee/").content.decode()


@pytest.mark.django_db
def test_un_jeton_perime_dit_quoi_faire():
    client = Client(enforce_csrf_checks=True)
    reponse = client.post("/compte/connexion/", {"username": "a@exemple.fr", "password": "x"})
    assert reponse.status_code == 403
    assert textes(reponse, "//h1") == ["Page périmée"]
    assert "votre saisie est gardée" in reponse.content.decode()


def test_la_page_500_n_a_besoin_ni_de_la_base_ni_d_un_utilisateur():
    """Sans la marque django_db, toute requête ferait échouer ce test."""
    html = render_to_string("500.html")
    assert textes(html, "//h1") == ["Erreur du service"]
    assert noeuds(html, "//*[classe('fr-nav')]") == []


def test_la_galerie_n_est_pas_servie_hors_developpement(client):
    assert "/composants/" not in [str(motif.pattern) for motif in urls.urlpatterns]
