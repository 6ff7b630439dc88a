"""Les comptes de la démonstration : un par rôle au moins, tous en @demo.example, avec le même mot de passe."""

from dataclasses import dataclass, field

from django.contrib.auth.hashers import make_password

from comptes.enums import Role
from comptes.models import Habilitation, Utilisateur
from politique_ville.contexte import DOMAINE_FICTIF
from programmation.models import Financeur, PartenaireFinanceur
from territoires.models import ContratDeVille, Departement, Quartier

MOT_DE_PASSE = "Quartiers-2030-fictifs"


@dataclass(frozen=True)
class Compte:
    """Un compte à créer ; son territoire est nommé par les codes des fichiers de référence."""

    identifiant: str
    prenom: str
    nom: str
    service: str
    role: Role | None = None
    departement: str = ""
    contrat: str = ""
    quartiers: tuple[str, ...] = field(default=())
    financeur: str = ""

    @property
    def courriel(self):
        return self.identifiant + DOMAINE_FICTIF

    @property
    def presentation(self):
        role = self.role.label if self.role else "Administrateur technique"
        return f"{role} – {self.service}"


COMPTES = [
    Compte("agent.calvados", "Claire", "Morvan", "DDETS du Calvados", Role.AGENT, departement="14"),
    Compte("responsable.calvados", "Hélène", "Prigent", "DDETS du Calvados", Role.RESPONSABLE, departement="14"),
    Compte("agent.gard", "Karim", "Sauvaire", "DDETS du Gard", Role.AGENT, departement="30"),
    Compte("responsable.gard", "Luc", "Mazel", "DDETS du Gard", Role.RESPONSABLE, departement="30"),
    Compte(
        "delegue.caen", "Samia", "Lecourt", "Préfecture du Calvados, Caen et Hérouville-Saint-Clair", Role.DELEGUE,
        quartiers=("QN01401M", "QN01402M", "QN01403M", "QN01404M", "QN01405I", "QN01406M"),
    ),
    Compte(
        "delegue.lisieux", "Paul", "Anquetil", "Préfecture du Calvados, Lisieux et Honfleur", Role.DELEGUE,
        quartiers=("QN01407M", "QN01408M"),
    ),
    Compte("prefet.calvados", "Anne", "Vasseur", "Préfecture du Calvados", Role.LECTEUR, departement="14"),
    Compte("lecteur.national", "Marc", "Delorme", "Administration centrale", Role.LECTEUR),
    Compte("ville.caen", "Inès", "Hamel", "Ville de Caen", Role.PARTENAIRE, contrat="CN01403M"),
    Compte(
        "caf.calvados", "Yves", "Renouf", "CAF du Calvados", Role.PARTENAIRE,
        departement="14", financeur="CAF du Calvados",
    ),
    Compte("admin", "Alix", "Fournier", "Informatique"),
]  # fmt: skip


def creer_les_comptes() -> dict[str, Utilisateur]:
    """Crée les comptes et leurs habilitations ; les rend par identifiant."""
    empreinte = make_password(MOT_DE_PASSE)  # une seule fois : chaque calcul prend un tiers de seconde
    return {compte.identifiant: creer(compte, empreinte) for compte in COMPTES}


def creer(compte, empreinte):
    technique = compte.role is None
    utilisateur = Utilisateur.objects.create(
        courriel=compte.courriel,
        prenom=compte.prenom,
        nom=compte.nom,
        service=compte.service,
        password=empreinte,
        is_staff=technique,
        is_superuser=technique,
    )
    for territoire in territoires(compte):
        habilitation = Habilitation.objects.create(utilisateur=utilisateur, role=compte.role, **territoire)
        if compte.financeur:
            financeur = Financeur.objects.get(nom=compte.financeur)
            PartenaireFinanceur.objects.create(habilitation=habilitation, financeur=financeur)
    return utilisateur


def territoires(compte):
    """Les territoires de ses habilitations : une par quartier suivi, sinon une seule."""
    if compte.role is None:
        return []
    if compte.quartiers:
        return [{"quartier": Quartier.objects.get(code=code)} for code in compte.quartiers]
    if compte.contrat:
        return [{"contrat": ContratDeVille.objects.get(code=compte.contrat)}]
    if compte.departement:
        return [{"departement": Departement.objects.get(code=compte.departement)}]
    return [{"france_entiere": True}]
