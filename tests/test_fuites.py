"""Ce qu'une personne n'a pas le droit de connaître ne sort par aucune porte : page, fichier, total, tri, refus.

Chaque secret porte une valeur que rien d'autre ne peut écrire ; on la cherche dans tout ce que la personne reçoit.
"""

import re
from types import SimpleNamespace

import pytest
from django.urls import reverse

from comptes.enums import Role
from comptes.models import Utilisateur
from programmation.enums import EtatFinancement, StatutAction
from programmation.models import Action, Decision, PartenaireFinanceur
from programmation.operations import SaisieAction, enregistrer
from programmation.synthese import Base
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    DecisionFactory,
    DepartementFactory,
    EnveloppeFactory,
    ExerciceFactory,
    FinanceurFactory,
    HabilitationFactory,
    LigneEngagementFactory,
    OrganismeFactory,
    PaiementFactory,
    QuartierFactory,
    cofinancement,
    euros,
    habiliter,
    localiser,
    p147,
)

pytestmark = pytest.mark.django_db

LISTE = "/programmation/actions/"
BASES = Base.values


@pytest.fixture
def gard():
    """Un autre département, dont chaque nom est unique."""
    departement = DepartementFactory(code="30")
    ExerciceFactory()  # le Calvados a le sien
    g = SimpleNamespace(exercice=ExerciceFactory(departement=departement))
    g.contrat = ContratFactory(intitule="Zénobie agglomération", departement=departement)
    g.quartier = QuartierFactory(nom="Zyx-Pissevin", contrat=g.contrat)
    g.porteur = OrganismeFactory(nom="Zutique association")
    g.financeur = FinanceurFactory(nom="Ville de Zurnîmes", departement=departement)
    g.enveloppe = EnveloppeFactory(exercice=g.exercice, libelle="Zenveloppe")
    g.agent = habiliter(Role.AGENT, departement=departement)
    g.action = ActionFactory(
        exercice=g.exercice,
        contrat=g.contrat,
        porteur=g.porteur,
        intitule="Zoulou secret",
        dossier="76543210",
        agent_referent=g.agent,
    )
    localiser(g.action, {g.quartier: 1})
    p147(g.action, "7654,32")
    cofinancement(g.action, g.financeur, "6543,21")
    return g


SECRETS_DU_GARD = ["Zénobie", "Zyx-Pissevin", "Zurnîmes", "Zenveloppe", "Zoulou", "76543210", "7 654,32", "6 543,21"]


def recu(reponse):
    """Le texte d'une réponse, page ou fichier, aux espaces simples."""
    octets = b"".join(reponse.streaming_content) if reponse.streaming else reponse.content
    return re.sub(r"\s+", " ", octets.decode(errors="replace").replace("&nbsp;", " "))


def fuites(client, secrets, adresses):
    """(adresse, secret) pour chaque secret lu quelque part, redirections suivies."""
    trouvees = []
    for adresse in adresses:
        texte = recu(client.get(adresse, follow=True))
        trouvees += [(adresse, secret) for secret in secrets if secret in texte]
    return trouvees


def portes(g):
    """Toutes les façons de viser le Gard, ou de tout demander."""
    cles = f"contrat={g.contrat.pk}", f"quartier={g.quartier.pk}", f"exercice={g.exercice.pk}", "departement=30"
    cles += f"porteur={g.porteur.pk}", f"financeur={g.financeur.pk}", f"agent={g.agent.pk}", "q=zoulou"
    cles += "annee=2026", "annee=2026&departement=", ""
    pages = ["/", LISTE, "/pilotage/", "/pilotage/anct/", "/territoires/contrats/", "/territoires/quartiers/"]
    yield from (f"{page}?{cle}" for page in pages for cle in cles)
    yield from (f"{LISTE}?{cle}&format=csv" for cle in cles)
    objets = [f"{LISTE}{g.action.pk}/{suite}" for suite in ("", "modifier/", "decider/", "scinder/", "gestes/retirer/")]
    yield from objets
    yield from (f"/territoires/contrats/{g.contrat.pk}/", f"/territoires/quartiers/{g.quartier.pk}/")
    yield f"{LISTE}decider/?action={g.action.pk}"
    yield f"{LISTE}ajouter/?exercice={g.exercice.pk}&contrat={g.contrat.pk}"
    yield f"{LISTE}choix/?exercice={g.exercice.pk}&contrat={g.contrat.pk}&action={g.action.pk}"
    yield f"/programmation/organismes/{g.porteur.pk}/"
    yield f"/programmation/imports/modele/{g.exercice.pk}/"


@pytest.mark.parametrize("role", Role)
def test_un_autre_departement_ne_sort_par_aucune_porte(client, gard, role):
    client.force_login(habiliter(role, departement=DepartementFactory()))
    assert fuites(client, SECRETS_DU_GARD, portes(gard)) == []


@pytest.mark.parametrize("role", Role)
def test_l_execution_d_un_autre_departement_ne_sort_par_aucune_porte(client, gard, role):
    ligne = LigneEngagementFactory(action=gard.action, engagement__numero="9876543210", ae=euros("5432,10"))
    paiement = PaiementFactory(ligne=ligne, numero="DP-ZOUAVE", cp=euros("4321,09"))
    client.force_login(habiliter(role, departement=DepartementFactory()))
    listes = [f"/programmation/{nom}/" for nom in ("engagements", "paiements", "justifications", "echeances")]
    cadre = f"annee=2026&departement=30&exercice={gard.exercice.pk}"
    adresses = [f"{liste}?{reste}" for liste in listes for reste in ("", cadre, "annee=2026&format=csv", "q=zoulou")]
    adresses += [f"/programmation/engagements/{ligne.engagement_id}/", f"{LISTE}{gard.action.pk}/justification/"]
    adresses += [f"/programmation/engagements/lignes/{ligne.pk}/payer/", f"{LISTE}?execution=engagees"]
    adresses += [f"/programmation/paiements/{paiement.pk}/retirer/", f"/programmation/engagements/?ej={9876543210}"]
    secrets = ["9876543210", "5 432,10", "DP-ZOUAVE", "4 321,09", "Zoulou"]
    assert [(a, s) for a, s in fuites(client, secrets, adresses) if s not in a] == []


@pytest.mark.parametrize("role", [Role.AGENT, Role.DELEGUE, Role.LECTEUR, Role.PARTENAIRE])
def test_un_autre_contrat_du_departement_ne_sort_pas_pour_qui_n_en_a_qu_un(client, role):
    """Le délégué d'un contrat verrait ce qui est décidé dans son département : ici, rien ne l'est."""
    exercice = ExerciceFactory()
    le_sien, autre = ContratFactory(), ContratFactory(intitule="Zénobie")
    quartier = QuartierFactory(nom="Zyx", contrat=autre)
    action = ActionFactory(exercice=exercice, contrat=autre, intitule="Zoulou", dossier="76543210")
    localiser(action, {quartier: 1})
    p147(action, "7654,32")
    client.force_login(habiliter(role, contrat=le_sien))
    secrets = ["Zoulou", "76543210", "7 654,32"]
    adresses = [f"{LISTE}?{cle}" for cle in ("", f"contrat={autre.pk}", f"quartier={quartier.pk}", "q=zoulou")]
    adresses += [f"{LISTE}?format=csv", f"{LISTE}{action.pk}/", f"{LISTE}{action.pk}/decider/", "/pilotage/"]
    adresses += [
        f"/pilotage/?contrat={autre.pk}",
        f"{LISTE}decider/?action={action.pk}",
        "/pilotage/?base=p147-demande",
    ]
    assert fuites(client, secrets, adresses) == []


# --- Élévation ---


def test_l_agent_d_un_contrat_n_ecrit_rien_sur_un_autre(client):
    """Même en forgeant l'identifiant : décider, retirer, scinder, modifier, supprimer."""
    le_sien, autre = ContratFactory(), ContratFactory()
    FinanceurFactory(p147=True)
    cible = ActionFactory(contrat=autre, dossier="00054562")
    brouillon = ActionFactory(contrat=autre, brouillon=True)
    client.force_login(habiliter(Role.AGENT, contrat=le_sien))
    decision = {"nature": "attribution", "montant": "100", "date": "2026-03-01", "version": "1"}
    envois = {
        f"{LISTE}{cible.pk}/decider/": decision,
        f"{LISTE}{cible.pk}/gestes/retirer/": {"motif_statut": "doublon"},
        f"{LISTE}{cible.pk}/scinder/": {f"cle_{le_sien.pk}": "1", f"cle_{autre.pk}": "1", "motif": "x"},
        f"{LISTE}{cible.pk}/modifier/": {"intitule": "Pris"},
        f"{LISTE}{brouillon.pk}/gestes/supprimer/": {},
        f"{LISTE}decider/": {"action": cible.pk, f"a{cible.pk}-montant": "100", f"a{cible.pk}-version": "1"} | decision,
    }
    assert {adresse: client.post(adresse, donnees).status_code for adresse, donnees in envois.items()} == dict.fromkeys(
        envois, 404
    )
    assert Action.objects.count() == 2
    assert not Decision.objects.exists()
    cible.refresh_from_db()
    assert (cible.statut, cible.version) == (StatutAction.DEPOSEE, 1)


def test_l_agent_d_un_contrat_ne_scinde_pas_vers_un_autre(client):
    le_sien, autre = ContratFactory(), ContratFactory()
    action = ActionFactory(contrat=le_sien, dossier="00054562")
    client.force_login(habiliter(Role.AGENT, contrat=le_sien))
    donnees = {f"cle_{le_sien.pk}": "1", f"cle_{autre.pk}": "1", "motif": "Élargir"}
    assert client.post(f"{LISTE}{action.pk}/scinder/", donnees).status_code == 200
    assert Action.objects.count() == 1


def test_l_agent_d_un_contrat_ne_deplace_pas_une_action_vers_un_autre():
    le_sien, autre = ContratFactory(), ContratFactory()
    agent = habiliter(Role.AGENT, contrat=le_sien)
    action = ActionFactory(contrat=le_sien)
    saisie = SaisieAction(champs={"contrat": autre}, action=action)
    with pytest.raises(Exception, match="pas habilité"):
        enregistrer([saisie], par=agent)
    action.refresh_from_db()
    assert action.contrat == le_sien


def test_etre_agent_ici_n_ouvre_pas_ce_qu_un_partenariat_national_borne(client):
    """La CAF voit ses lignes partout ; la même personne, agent d'un contrat du Calvados, n'en lit pas plus ailleurs."""
    caf = FinanceurFactory(nom="CAF", famille="caf")
    ailleurs = ActionFactory(
        exercice=ExerciceFactory(departement=DepartementFactory(code="30")), intitule="Zoulou sans la CAF"
    )
    brouillon = ActionFactory(exercice=ailleurs.exercice, intitule="Zoulou brouillon", brouillon=True)
    cofinancement(brouillon, caf)
    habilitation = HabilitationFactory(role=Role.PARTENAIRE, departement=None, france_entiere=True)
    PartenaireFinanceur.objects.create(habilitation=habilitation, financeur=caf)
    HabilitationFactory(utilisateur=habilitation.utilisateur, departement=None, contrat=ContratFactory())
    personne = Utilisateur.objects.get(pk=habilitation.utilisateur_id)
    assert list(Action.objects.visibles_par(personne)) == []


# --- Ce qu'un partenaire devinerait ---


@pytest.fixture
def partage():
    """Une action de la CAF : le P147 et la ville y ont des montants que la CAF n'a pas à connaître."""
    m = SimpleNamespace(exercice=ExerciceFactory(), contrat=ContratFactory())
    m.quartier = QuartierFactory(contrat=m.contrat)
    m.caf = FinanceurFactory(nom="CAF", famille="caf")
    m.ville = FinanceurFactory(nom="Ville de Zurcaen")
    m.action = ActionFactory(contrat=m.contrat, statut=StatutAction.PROGRAMMEE, cout_previsionnel=euros(20_000))
    localiser(m.action, {m.quartier: 1})
    p147(m.action, "7654,32", "6543,21", "5432,10")
    DecisionFactory(action=m.action, montant=euros("6543,21"), motif="Zmotif interne")
    cofinancement(m.action, m.ville, "4321,09", "3210,98")
    cofinancement(m.action, m.caf, 1500, 1200)
    habilitation = HabilitationFactory(role=Role.PARTENAIRE, departement=None, contrat=m.contrat)
    PartenaireFinanceur.objects.create(habilitation=habilitation, financeur=m.caf)
    m.partenaire = Utilisateur.objects.get(pk=habilitation.utilisateur_id)
    return m


LIGNES_DES_AUTRES = ["7 654", "6 543", "5 432", "4 321", "3 210", "7654,", "6543,", "5432,", "4321,", "3210,"]
LIGNES_DES_AUTRES += ["Zurcaen", "Zmotif"]


def test_un_partenaire_borne_ne_lit_la_ligne_d_un_autre_nulle_part(client, partage):
    client.force_login(partage.partenaire)
    familles = ["anct_p147", "commune", "caf"]
    criteres = ["", *(f"base={base}" for base in BASES), *(f"famille={famille}" for famille in familles)]
    criteres += [f"financeur={partage.ville.pk}", "levier=p147", "levier=droit_commun", "levier=autres", "etat=acquis"]
    criteres += [f"tri={colonne}" for colonne in ("propose", "-propose", "accorde", "-demande")]
    criteres += [f"quartier={partage.quartier.pk}&base={base}" for base in BASES]
    adresses = [f"{page}?{critere}" for page in (LISTE, "/pilotage/") for critere in criteres]
    adresses += [f"{LISTE}?format=csv&{critere}" for critere in criteres]
    adresses += [f"{LISTE}{partage.action.pk}/", f"/programmation/organismes/{partage.action.porteur_id}/", "/"]
    territoires = [f"/territoires/contrats/{partage.contrat.pk}/", f"/territoires/quartiers/{partage.quartier.pk}/"]
    adresses += [f"{page}?base={base}" for page in territoires for base in BASES]
    assert fuites(client, LIGNES_DES_AUTRES, adresses) == []


def test_un_filtre_ne_dit_pas_a_un_partenaire_borne_qu_un_autre_finance(client, partage):
    """Une liste vide ou pleine selon la ligne d'un autre la trahirait."""
    client.force_login(partage.partenaire)

    def nombre(critere):
        return client.get(f"{LISTE}?{critere}").context["totaux"].nombre

    autres = [f"financeur={partage.ville.pk}", "famille=commune", "famille=anct_p147", "levier=p147"]
    presents = {critere: nombre(critere) for critere in autres}
    partage.action.financements.exclude(financeur=partage.caf).delete()
    assert {critere: nombre(critere) for critere in autres} == presents


def test_le_vote_attendu_d_un_autre_financeur_ne_se_devine_pas(client, partage):
    client.force_login(partage.partenaire)

    def vue(critere):
        return client.get(f"{LISTE}?{critere}").context["totaux"].nombre

    leviers = ["levier=p147", "levier=droit_commun", "levier=autres"]
    avant = [vue(levier) for levier in leviers]
    ligne = partage.action.financements.get(financeur=partage.ville)
    ligne.accorde, ligne.etat = None, EtatFinancement.SOLLICITE
    ligne.save()
    assert [vue(levier) for levier in leviers] == avant


def test_trier_par_propose_n_ordonne_rien_pour_qui_ne_le_lit_pas(client):
    """L'ordre des lignes donnerait l'ordre des montants proposés."""
    contrat = ContratFactory()
    for intitule, propose in [("A", 100), ("B", 900), ("C", 500)]:
        p147(ActionFactory(contrat=contrat, intitule=intitule), 1000, propose=propose)
    client.force_login(habiliter(Role.PARTENAIRE, contrat=contrat))

    def ordre(tri):
        return [action.intitule for action, *_ in client.get(f"{LISTE}?tri={tri}").context["lignes"]]

    assert ordre("propose") == ordre("-propose") == ["A", "B", "C"]


def test_un_agent_du_gard_partenaire_dans_le_calvados_n_y_lit_pas_ce_qui_est_propose(client):
    action = ActionFactory()
    p147(action, demande=5000, propose="4321,09")
    personne = habiliter(Role.AGENT, departement=DepartementFactory(code="30"))
    HabilitationFactory(utilisateur=personne, role=Role.PARTENAIRE, departement=action.exercice.departement)
    client.force_login(Utilisateur.objects.get(pk=personne.pk))
    for adresse in (action.get_absolute_url(), f"{LISTE}?departement=14", f"{LISTE}?departement=14&format=csv"):
        reponse = client.get(adresse)
        texte = reponse.getvalue().decode() if reponse.streaming else reponse.content.decode()
        assert action.intitule in texte
        assert not re.search(r"4.?321", texte)


def test_un_partenaire_ne_trouve_pas_un_brouillon(client):
    brouillon = ActionFactory(brouillon=True, intitule="Zoulou en préparation")
    client.force_login(habiliter(Role.PARTENAIRE, contrat=brouillon.contrat))
    adresses = [f"{LISTE}?statut=brouillon", f"{LISTE}?q=zoulou", f"{LISTE}{brouillon.pk}/", "/pilotage/?base=nombre"]
    assert fuites(client, ["Zoulou"], [*adresses, f"{LISTE}?format=csv"]) == []


# --- Les en-têtes et les redirections ---


def test_une_page_fermee_porte_ses_en_tetes_de_securite(client):
    client.force_login(habiliter(Role.AGENT))
    entetes = client.get(LISTE).headers
    assert entetes["X-Frame-Options"] == "DENY"
    assert entetes["X-Content-Type-Options"] == "nosniff"
    assert entetes["Referrer-Policy"] == "same-origin"
    assert "default-src 'self'" in entetes["Content-Security-Policy"]
    assert "Cookie" in entetes["Vary"]


@pytest.mark.parametrize(
    "suite", ["//mal.test/", "https://mal.test", "/\\mal.test", "javascript:alert(1)", "///mal.test"]
)
def test_la_deconnexion_et_la_connexion_ne_menent_jamais_ailleurs(client, suite):
    client.force_login(habiliter(Role.AGENT))
    assert "mal.test" not in client.post(reverse("comptes:logout"), {"next": suite}).headers.get("Location", "")
    assert client.get("/admin/login/", {"next": suite}).url.startswith("/compte/connexion/")


def test_une_session_expiree_pendant_une_saisie_n_ecrit_rien_et_mene_a_la_connexion(client):
    contrat = ContratFactory()
    client.force_login(habiliter(Role.AGENT))
    client.session.flush()
    client.cookies.clear()
    reponse = client.post(f"{LISTE}ajouter/", {"intitule": "Perdue ?", "contrat": contrat.pk})
    assert reponse.url == f"/compte/connexion/?next={LISTE}ajouter/"
    assert not Action.objects.exists()
