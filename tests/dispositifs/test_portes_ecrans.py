"""Les portes des postes : adresses hostiles, secrets d'un autre département, écritures forgées."""

import re
from datetime import date, timedelta

import pytest
from django.utils import timezone

from comptes.enums import Role
from dispositifs.models import ConventionAdulteRelais, Occupation, PosteAdulteRelais, PosteFonjep, TriennaliteFonjep
from tests.dispositifs.fabriques import (
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
    UtilisateurFactory,
    habiliter,
)

pytestmark = pytest.mark.django_db

RACINE = "/dispositifs/"
LISTES = ["adultes-relais/", "adultes-relais/radar/", "fonjep/"]
PARAMETRES = ["q", "annee", "departement", "contrat", "quartier", "organisme", "etat", "horizon", "anomalie", "agent"]
PARAMETRES += ["releve", "evaluation", "tri", "page", "format"]
HOSTILES = [
    "'",
    "-1",
    "0",
    "99999999999999999999",
    "é",
    "1;DROP TABLE x",
    "٣",
    "a" * 500,
    "NaN",
    "1e400",
    "2023.5",
    "<b>",
]


@pytest.mark.parametrize("valeur", HOSTILES)
@pytest.mark.parametrize("role", [Role.AGENT, Role.LECTEUR])
def test_aucun_parametre_ne_casse_une_liste_de_postes(client, valeur, role):
    ExerciceFactory()
    ConventionFactory(fin=date(2026, 12, 31))
    TriennaliteFactory()
    client.force_login(habiliter(role) if role == Role.AGENT else habiliter(role, france_entiere=True))
    for liste in LISTES:
        for parametre in PARAMETRES:
            assert client.get(RACINE + liste, {parametre: valeur}).status_code == 200, (liste, parametre)
    employeur = PosteAdulteRelais.objects.get().employeur_id
    assert client.get(f"{RACINE}adultes-relais/employeurs/{employeur}/", {"annee": valeur}).status_code == 200


@pytest.fixture
def gard():
    """Un poste du Gard, dont chaque nom est unique."""
    departement = DepartementFactory(code="30")
    contrat = ContratFactory(intitule="Zénobie agglomération", departement=departement)
    poste = PosteFactory(
        departement=departement,
        contrat=contrat,
        numero="03026R7654",
        employeur=OrganismeFactory(nom="Zutique association"),
        agent_referent=UtilisateurFactory(nom="Zoulou"),
    )
    poste.quartiers.add(QuartierFactory(contrat=contrat, nom="Zyx-Pissevin"))
    fin = timezone.localdate() + timedelta(days=30)
    OccupationFactory(convention__poste=poste, convention__debut=fin - timedelta(days=900), convention__fin=fin)
    ReleveFactory(poste=poste, raison_sociale="Zurnîmes")
    TriennaliteFactory(poste__departement=departement, poste__contrat=contrat, poste__association=poste.employeur)
    QuotaFactory(exercice=ExerciceFactory(departement=departement), postes_notifies=7654)
    return poste


SECRETS = ["Zénobie", "Zutique", "Zoulou", "Zyx-Pissevin", "Zurnîmes", "7654"]


def portes(poste):
    cles = ["", "departement=30", f"contrat={poste.contrat_id}", f"organisme={poste.employeur_id}", "q=zutique"]
    cles += [f"quartier={poste.quartiers.get().pk}", f"agent={poste.agent_referent_id}", "annee=2026&departement=30"]
    yield from (f"{liste}?{cle}{suite}" for liste in LISTES for cle in cles for suite in ("", "&format=csv"))
    yield f"adultes-relais/employeurs/{poste.employeur_id}/"
    yield from objets(poste)


def objets(poste):
    convention = poste.conventions.get()
    occupation, triennalite = convention.occupations.get(), TriennaliteFonjep.objects.get()
    yield from (f"adultes-relais/{poste.pk}/{geste}" for geste in ("", "modifier/", "conventions/"))
    gestes = ("modifier", "dossier", "renouveler", "avenants", "occupations", "supprimer")
    yield from (f"conventions/{convention.pk}/{geste}/" for geste in gestes)
    yield from (f"occupations/{occupation.pk}/{geste}/" for geste in ("modifier", "supprimer"))
    yield from (f"fonjep/{triennalite.poste_id}/{geste}" for geste in ("", "modifier/", "periodes/"))
    yield from (f"fonjep/periodes/{triennalite.pk}/{geste}/" for geste in ("modifier", "supprimer"))


@pytest.mark.parametrize("role", Role)
def test_un_poste_d_un_autre_departement_ne_sort_par_aucune_porte(client, gard, role):
    PosteFactory()
    client.force_login(habiliter(role, departement=DepartementFactory()))
    for porte in portes(gard):
        reponse = client.get(RACINE + porte)
        octets = b"".join(reponse.streaming_content) if reponse.streaming else reponse.content
        demande = re.sub(r"q=\w+|value=\"[^\"]*\"", "", octets.decode())  # ce que l'on a tapé revient dans le champ
        assert [secret for secret in SECRETS if secret in demande] == [], porte


@pytest.mark.parametrize("qui", ["agent d'ailleurs", "lecteur", "délégué", "partenaire"])
def test_aucun_envoi_forge_n_ecrit_sans_le_droit(client, gard, qui):
    personne = {
        "agent d'ailleurs": lambda: habiliter(Role.AGENT, departement=DepartementFactory()),
        "lecteur": lambda: habiliter(Role.LECTEUR, departement=gard.departement),
        "délégué": lambda: habiliter(Role.DELEGUE, contrat=gard.contrat),
        "partenaire": lambda: habiliter(Role.PARTENAIRE, contrat=gard.contrat),
    }[qui]()
    client.force_login(personne)
    modeles = [PosteAdulteRelais, ConventionAdulteRelais, Occupation, PosteFonjep, TriennaliteFonjep]
    avant = [list(modele.objects.order_by("pk").values()) for modele in modeles]
    saisie = {"motif": "Forgé", "fin": "2029-12-31", "quotite": "100", "debut": "2027-01-01", "etat": "vacant"}
    saisie |= {"suite": "terminer", "date_effet": "2026-01-01", "numero": "", "porteur_texte": "X", "rang": "1"}
    for objet in objets(gard):
        assert client.post(RACINE + objet, saisie).status_code in (403, 404, 405), objet
    assert [list(modele.objects.order_by("pk").values()) for modele in modeles] == avant


def test_un_get_n_ecrit_rien(client, gard):
    client.force_login(habiliter(Role.RESPONSABLE, departement=gard.departement))
    avant = PosteAdulteRelais.history.count(), ConventionAdulteRelais.history.count(), Occupation.history.count()
    for porte in portes(gard):
        assert client.get(RACINE + porte).status_code == 200, porte
    apres = PosteAdulteRelais.history.count(), ConventionAdulteRelais.history.count(), Occupation.history.count()
    assert avant == apres
