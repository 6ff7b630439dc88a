"""Ce que chaque page montre autour de son contenu : navigation et bandeau.

Connecté, une seule lecture : les rôles de l'utilisateur, que la page a déjà lus pour borner son périmètre, et seulement
si elle affiche le menu (un fragment htmx ne le calcule pas). Hors connexion, une aussi : y a-t-il un compte fictif ?
"""

from dataclasses import dataclass, replace

from django.conf import settings
from django.urls import NoReverseMatch, reverse
from django.utils.functional import SimpleLazyObject

from comptes.enums import Role
from comptes.models import Utilisateur

from .outils.typographie import insecables

DOMAINE_FICTIF = "@demo.example"
DONNEES_FICTIVES = insecables(
    "Données fictives : les actions, les porteurs et les personnes sont inventés. Seuls les postes du Calvados et "
    "leurs employeurs sont réels, publiés par l’ANCT."
)


@dataclass(frozen=True)
class Entree:
    """Une entrée du menu : un nom d'URL, ou des enfants qui se déplient. `aussi` : d'autres débuts de chemin qui sont
    à elle, parce que ses gestes vivent dans une autre application."""

    libelle: str
    nom_url: str = ""
    enfants: tuple["Entree", ...] = ()
    personnel_technique: bool = False
    qui_ecrivent: bool = False
    departement_entier: bool = False
    de_l_etat: bool = False
    aussi: tuple[str, ...] = ()

    def est_ouverte_a(self, utilisateur):
        if self.personnel_technique:
            return utilisateur.is_staff
        if not utilisateur.roles:
            return False  # sans habilitation, tout le reste est vide
        if self.departement_entier:
            return bool(utilisateur.habilitations_departementales)
        if self.de_l_etat:
            return not utilisateur.roles.isdisjoint(Role.de_l_etat())
        return not self.qui_ecrivent or not utilisateur.roles.isdisjoint(Role.qui_ecrivent())


DES_EXERCICES = tuple(f"/pilotage/{dossier}/" for dossier in ("exercices", "campagnes", "passage", "photographies"))

MENU = (
    Entree("Tableau de bord", "pilotage:tableau_de_bord"),
    Entree("Actions", "programmation:action_list"),
    Entree(
        "Territoires",
        enfants=(
            Entree("Contrats de ville", "territoires:contrat_list"),
            Entree("Quartiers", "territoires:quartier_list"),
        ),
    ),
    Entree(
        "Dispositifs",
        enfants=(
            Entree("Réussite éducative", "dispositifs:pre_list"),
            # Un poste, c'est une personne : un partenaire n'en voit aucun.
            Entree("Adultes-relais", "dispositifs:adulte_relais_list", de_l_etat=True),
            Entree("Échéances des postes", "dispositifs:radar", de_l_etat=True),
            Entree("FONJEP", "dispositifs:fonjep_list", de_l_etat=True),
        ),
    ),
    Entree(
        "Instruction",
        enfants=(
            Entree("Avis attendus", "programmation:avis_list", de_l_etat=True),
            Entree("Enveloppes", "programmation:enveloppe_list", de_l_etat=True),
            Entree("Scénarios", "programmation:scenario_list", de_l_etat=True),
            Entree("Comités", "programmation:comite_list", de_l_etat=True, aussi=("/pilotage/comites/",)),
            Entree("Exercices et campagnes", "programmation:exercice_list", de_l_etat=True, aussi=DES_EXERCICES),
            Entree("Modifications en lot", "programmation:modification_list", qui_ecrivent=True),
            Entree("Imports", "programmation:import_list", qui_ecrivent=True),
        ),
    ),
    Entree(
        "Exécution",
        enfants=(
            Entree("Actes et courriers", "programmation:acte_list", de_l_etat=True),
            Entree("Engagements et paiements", "programmation:engagement_list", de_l_etat=True),
            Entree("Justifications", "programmation:justification_list", de_l_etat=True),
            Entree("Échéances des actions", "programmation:echeance_list", de_l_etat=True),
        ),
    ),
    Entree("Classeur ANCT", "pilotage:anct", departement_entier=True),
    Entree("Organismes", "programmation:organisme_list"),
    Entree("Administration", "admin:index", personnel_technique=True),
)


@dataclass(frozen=True)
class Lien:
    """Une entrée prête à afficher ; `courant` est la valeur d'aria-current, vide si la page est ailleurs."""

    libelle: str
    adresse: str
    courant: str
    enfants: tuple["Lien", ...] = ()


def page(request):
    """Processeur de contexte des gabarits ; ce qui coûte n'est calculé que si la page l'affiche."""
    return {
        "navigation": SimpleLazyObject(lambda: navigation(request)),
        "bandeau": SimpleLazyObject(lambda: bandeau(request)),
    }


def bandeau(request):
    """Texte d'avertissement affiché en haut de chaque page, ou une chaîne vide."""
    return settings.BANDEAU or (DONNEES_FICTIVES if est_une_demonstration(request) else "")


def est_une_demonstration(request):
    """Un compte de démonstration se reconnaît à son courriel, sans requête ; hors connexion, on cherche s'il y en a."""
    utilisateur = getattr(request, "user", None)
    if utilisateur is not None and utilisateur.is_authenticated:
        return utilisateur.courriel.endswith(DOMAINE_FICTIF)
    return Utilisateur.objects.filter(courriel__endswith=DOMAINE_FICTIF).exists()


def navigation(request):
    """Les liens du menu de cet utilisateur ; vide hors connexion."""
    utilisateur = getattr(request, "user", None)
    if utilisateur is None or not utilisateur.is_authenticated:
        return []
    entrees = _ouvertes(MENU, utilisateur)
    toutes = [entree for e in entrees for entree in (e, *e.enfants)]
    adresses = {entree.nom_url: _adresse(entree) for entree in toutes}
    debuts = {debut: adresses[e.nom_url] for e in toutes for debut in (adresses[e.nom_url], *e.aussi)}
    adresse_courante = debuts.get(_la_plus_proche(debuts, request.path), "")
    liens = (_lien(entree, adresses, request.path, adresse_courante) for entree in entrees)
    return [lien for lien in liens if lien.adresse or lien.enfants]


def _ouvertes(entrees, utilisateur):
    ouvertes = [entree for entree in entrees if entree.est_ouverte_a(utilisateur)]
    return [replace(entree, enfants=tuple(_ouvertes(entree.enfants, utilisateur))) for entree in ouvertes]


def _lien(entree, adresses, chemin, adresse_courante):
    adresse = adresses[entree.nom_url]
    courant = ""
    if adresse and adresse == adresse_courante:
        courant = "page" if adresse == chemin else "true"
    enfants = tuple(_lien(enfant, adresses, chemin, adresse_courante) for enfant in entree.enfants)
    enfants = tuple(enfant for enfant in enfants if enfant.adresse)
    if any(enfant.courant for enfant in enfants):
        courant = "true"
    return Lien(entree.libelle, adresse, courant, enfants)


def _adresse(entree):
    """L'adresse de l'entrée ; vide si elle n'a que des enfants, ou si son écran n'existe pas encore."""
    try:
        return reverse(entree.nom_url) if entree.nom_url else ""
    except NoReverseMatch:
        return ""


def _la_plus_proche(debuts, chemin):
    """Le plus long début qui commence le chemin : /pilotage/anct/ n'allume pas /pilotage/."""
    return max((debut for debut in debuts if debut and chemin.startswith(debut)), key=len, default="")
