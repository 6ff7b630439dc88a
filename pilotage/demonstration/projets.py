"""Les projets d'un département : qui les porte, où, pour quel montant, et combien d'années ils durent."""

from dataclasses import dataclass, field
from random import Random

from territoires.models import ContratDeVille, Quartier

from . import catalogue
from .catalogue import Modele
from .lieux import Lieu, lieu_de_la_ville, lieu_du_contrat, lieu_du_departement, lieu_du_quartier
from .noms import TOUS
from .organismes import Porteur
from .territoires import Territoire

# Combien d'actions sur cent dans chaque famille ; les montants, eux, se règlent sur les parts publiées.
NOMBRES = {"cohesion-sociale": 80, "cadre-de-vie": 4, "emploi": 11, "pilotage": 5}
NOMBRES_DE_QUARTIERS = {1: 62, 2: 22, 3: 10, 4: 6}
# Villes qui ont un PRE, et sa subvention annuelle (€). Calvados : page de la préfecture ; Gard : villes plausibles.
PRE = {
    "14": {"Caen": 200_000, "Hérouville-Saint-Clair": 150_000, "Lisieux": 80_000, "Colombelles": 45_000},
    "30": {
        "Nîmes": 260_000,
        "Alès": 150_000,
        "Bagnols-sur-Cèze": 80_000,
        "Beaucaire": 70_000,
        "Saint-Gilles": 60_000,
        "Vauvert": 50_000,
        "Uzès": 30_000,
    },
}


@dataclass(eq=False)
class Projet:
    """Un projet vit une ou plusieurs années : chacune donne une action."""

    modele: Modele
    famille: str
    porteur: Porteur
    intitule: str
    lieu: Lieu
    p147: int
    contrat: ContratDeVille | None = None
    quartiers: list[Quartier] = field(default_factory=list)
    cles: list[int] = field(default_factory=list)
    annees_de_cpo: int = 0
    premiere_annee: int = 0
    dossier: str = ""

    @property
    def est_pre(self):
        return self.modele is catalogue.PRE


class Tirage:
    """Tire des projets d'un département, sans jamais deux fois le même intitulé."""

    def __init__(self, territoire: Territoire, porteurs: list[Porteur], alea: Random):
        self.territoire, self.porteurs, self.alea = territoire, porteurs, alea
        self.intitules = set()

    def projets_de_reussite_educative(self, annee, taille):
        """Les PRE, portés par le CCAS de leur ville ; sans quartier prioritaire, à l'échelle du contrat."""
        montants = PRE[self.territoire.departement.code]
        return [self.pre(ville, round(montant * taille, -2), annee) for ville, montant in montants.items()]

    def pre(self, ville, montant, annee):
        lieu = Lieu(ville)
        quartiers = self.territoire.quartiers_de_la_ville(ville)
        return Projet(
            modele=catalogue.PRE,
            famille="cohesion-sociale",
            porteur=next(p for p in self.porteurs if "pre" in p.domaines and p.villes[0].nom == ville),
            intitule=catalogue.PRE.intitules[0].format(de=lieu.de),
            lieu=lieu,
            p147=montant,
            contrat=self.territoire.contrat_de_la_ville(ville),
            quartiers=quartiers,
            cles=[max(1, (q.population or 1_000) // 100) for q in quartiers],
            premiere_annee=annee,
        )

    def nouveaux(self, nombre, annee):
        """Un nombre de projets nouveaux, répartis entre les familles."""
        familles = self.alea.choices(list(NOMBRES), list(NOMBRES.values()), k=nombre)
        return [self.projet(famille, annee) for famille in familles]

    def projet(self, famille, annee):
        modeles = catalogue.FAMILLES[famille]
        modele = self.alea.choices(modeles, [m.poids for m in modeles])[0]
        contrat, quartiers, lieu, villes = self.lieu(modele)
        return Projet(
            modele=modele,
            famille=famille,
            porteur=self.porteur(modele, villes),
            intitule=self.intitule(modele, lieu),
            lieu=lieu,
            p147=self.montant(modele, len(quartiers)),
            contrat=contrat,
            quartiers=quartiers,
            cles=self.cles(quartiers),
            annees_de_cpo=self.alea.choices([0, 2, 3], [85, 3, 12])[0],
            premiere_annee=annee,
        )

    def lieu(self, modele):
        """Le contrat, les quartiers, le nom du lieu et les villes d'un projet (aucune : tout le département)."""
        if modele.domaine == "ressources" or self.alea.random() < 0.03:
            return None, [], lieu_du_departement(self.territoire.departement.code), []
        contrat = self.alea.choices(self.territoire.contrats, [self.poids(c) for c in self.territoire.contrats])[0]
        if modele.domaine == "pilotage" or self.alea.random() < 0.14:
            return contrat, [], lieu_du_contrat(contrat.code), contrat.communes.all()
        disponibles = self.territoire.quartiers[contrat.pk]
        voulus = self.alea.choices(list(NOMBRES_DE_QUARTIERS), list(NOMBRES_DE_QUARTIERS.values()))[0]
        quartiers = self.alea.sample(disponibles, min(voulus, len(disponibles)))
        villes = {self.territoire.ville(quartier) for quartier in quartiers}
        if len(quartiers) == 1:
            return contrat, quartiers, lieu_du_quartier(quartiers[0], self.alea), villes
        if len(villes) == 1:
            return contrat, quartiers, lieu_de_la_ville(next(iter(villes)).nom), villes
        return contrat, quartiers, lieu_du_contrat(contrat.code), villes

    def poids(self, contrat):
        """Les habitants des quartiers du contrat, en donnant un peu plus aux petits."""
        return sum(quartier.population or 1_000 for quartier in self.territoire.quartiers[contrat.pk]) ** 0.8

    def porteur(self, modele, villes):
        """Un porteur qui agit dans ces villes, spécialiste du domaine de préférence."""
        capables = [p for p in self.porteurs if modele.domaine in p.domaines or TOUS in p.domaines]
        voisins = [p for p in capables if p.agit_dans(villes)]
        specialistes = [p for p in voisins if modele.domaine in p.domaines]
        if specialistes and self.alea.random() < 0.6:
            return self.alea.choice(specialistes)
        return self.alea.choice(voisins)

    def intitule(self, modele, lieu):
        """Un intitulé du modèle ; déjà pris, on lui ajoute ce qui le distingue."""
        formes = [forme.format(a=lieu.a, de=lieu.de) for forme in modele.intitules]
        libres = [forme for forme in formes if forme not in self.intitules]
        suites = [f"{forme}, {suite}" for suite in SUITES for forme in formes]
        choisi = self.alea.choice(libres) if libres else next(s for s in suites if s not in self.intitules)
        self.intitules.add(choisi)
        return choisi

    def montant(self, modele, nombre_de_quartiers):
        """La subvention naturelle (€) : la plupart des projets sont petits, plusieurs quartiers coûtent plus."""
        petit, grand = modele.p147
        tire = petit + (grand - petit) * self.alea.random() ** 1.6
        return round(tire * (1 + 0.25 * max(0, nombre_de_quartiers - 1)))

    def cles(self, quartiers):
        """À parts égales, selon les habitants, ou selon des clés convenues."""
        genre = self.alea.choice(["égales", "habitants", "convenues"])
        if genre == "égales":
            return [1] * len(quartiers)
        if genre == "habitants":
            return [max(1, (quartier.population or 1_000) // 100) for quartier in quartiers]
        return [self.alea.choice([10, 20, 30, 40, 50]) for _ in quartiers]


SUITES = [
    "deuxième groupe",
    "avec les familles",
    "tous âges",
    "le samedi",
    "en soirée",
    "pendant les vacances",
    "avec les écoles",
    "avec le collège",
    "hors les murs",
    "troisième groupe",
    "quatrième groupe",
    "en plein air",
    "avec les aînés",
    "avec les jeunes",
]
