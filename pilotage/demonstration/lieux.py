"""Dire les lieux en français : « à la Guérinière », « du Chemin Vert », « dans l’agglomération caennaise »."""

import re
from dataclasses import dataclass

ELIDENT = re.compile(r"[AEIOUYÀÂÉÈÊÎÔH]", re.IGNORECASE)
H_ASPIRE = ("Haut", "Honfleur")

# Les noms que l'on emploie pour chaque quartier : un intitulé d'action n'en retient qu'un.
# Clé : code du quartier (2024), ou son nom quand le code n'est pas connu (2015).
QUARTIERS = {
    "Chemin Vert": ["le Chemin Vert"],
    "Grâce de Dieu": ["la Grâce de Dieu"],
    "Guérinière": ["la Guérinière"],
    "Pierre Heuzé": ["la Pierre Heuzé"],
    "Calvaire Saint-Pierre": ["le Calvaire Saint-Pierre"],
    "Hérouville-Saint-Clair": ["Hérouville-Saint-Clair"],
    "Colombelles": ["Colombelles"],
    "Canteloup - Marronniers - Le Buquet": ["Canteloup", "les Marronniers"],
    "Hauteville": ["Hauteville"],
    "QN01401M": ["le Chemin Vert"],
    "QN01402M": ["la Grâce de Dieu"],
    "QN01403M": ["la Guérinière"],
    "QN01404M": ["la Pierre Heuzé"],
    "QN01405I": ["le Calvaire Saint-Pierre"],
    "QN01406M": ["la Grande Delle", "le Val", "les Belles Portes", "le Grand Parc", "la Haute Folie"],
    "QN01407M": ["Canteloup", "les Marronniers", "le Buquet"],
    "QN01408M": ["Hauteville"],
    "QN03001I": ["les Prés Saint-Jean", "les Cévennes", "Tamaris", "Rochebelle", "la Royale"],
    "QN03002M": ["le centre-ville d’Anduze"],
    "QN03003M": ["Pissevin", "Valdegour"],
    "QN03004I": ["Gambetta", "Richelieu"],
    "QN03005I": ["le Chemin-Bas d’Avignon", "le Clos d’Orville"],
    "QN03006I": ["le Mas de Mingue"],
    "QN03007M": ["le quartier de la route de Beaucaire"],
    "QN03008M": ["Némausus-Jonquilles", "la Haute Magaille", "les Oliviers"],
    "QN03009M": ["Sabatot", "le centre ancien de Saint-Gilles"],
    "QN03010M": ["les Escanaux", "la Coronelle", "la Citadelle"],
    "QN03011I": ["le centre-ville de Pont-Saint-Esprit"],
    "QN03012M": ["la Moulinelle"],
    "QN03013M": ["le centre-ville de Beaucaire"],
    "QN03014M": ["l’Écusson"],
    "QN03015M": ["les Costières"],
    "QN03016M": ["La Grand-Combe", "Les Salles-du-Gardon"],
    "QN03017M": ["les Amandiers", "les Mûriers"],
}

CONTRATS = {
    "CV051": "l’agglomération caennaise",
    "CV052": "le pays de Honfleur",
    "CV053": "l’agglomération lexovienne",
    "CN01403M": "l’agglomération caennaise",
    "CN01402M": "le pays de Honfleur",
    "CN01401M": "l’agglomération lexovienne",
    "CV093": "l’agglomération d’Alès",
    "CV094": "le Gard rhodanien",
    "CV095": "la Terre d’Argence",
    "CV096": "le Pays Grand-Combien",
    "CV097": "l’agglomération nîmoise",
    "CV098": "le territoire de Cèze-Cévennes",
    "CV099": "le pays d’Uzès",
    "CV100": "la Petite Camargue",
    "CN03001I": "l’agglomération d’Alès",
    "CN03002I": "l’agglomération nîmoise",
    "CN03003I": "le Gard rhodanien",
    "CN03004I": "la Terre d’Argence",
    "CN03005I": "le territoire de Cèze-Cévennes",
    "CN03006I": "la Petite Camargue",
    "CN03007I": "le pays d’Uzès",
}

# Le Pays Grand-Combien avait son contrat ; ce quartier est aujourd'hui dans celui d'Alès Agglomération.
ANCIEN_CONTRAT = {"QN03016M": "CV096"}

DEPARTEMENTS = {"14": "le Calvados", "30": "le Gard"}


@dataclass(frozen=True)
class Lieu:
    """Un nom de lieu, son article compris, et ses deux emplois dans une phrase."""

    nom: str
    est_une_etendue: bool = False

    @property
    def a(self):
        """« à la Guérinière », « au Chemin Vert », « dans l’agglomération nîmoise »."""
        if self.est_une_etendue or self.nom.startswith("le quartier"):
            return f"dans {self.nom}"
        return contracter(self.nom, "à", "au", "aux")

    @property
    def de(self):
        """« de la Guérinière », « du Chemin Vert », « d’Hauteville »."""
        return contracter(self.nom, "de", "du", "des")


def contracter(nom, preposition, singulier, pluriel):
    article, _, reste = nom.partition(" ")
    if article.lower() == "le":
        return f"{singulier} {reste}"
    if article.lower() == "les":
        return f"{pluriel} {reste}"
    if preposition == "de" and ELIDENT.match(nom) and not nom.startswith(H_ASPIRE):
        return f"d’{nom}"
    return f"{preposition} {nom}"


def lieu_du_quartier(quartier, alea):
    noms = QUARTIERS.get(quartier.code or quartier.nom, [f"le quartier {quartier}"])
    return Lieu(alea.choice(noms))


def lieu_de_la_ville(nom):
    """Plusieurs quartiers d'une même ville : « dans les quartiers de Nîmes »."""
    return Lieu(f"les quartiers {contracter(nom, 'de', 'du', 'des')}", est_une_etendue=True)


def lieu_du_contrat(code):
    return Lieu(CONTRATS[code], est_une_etendue=True)


def lieu_du_departement(code):
    return Lieu(DEPARTEMENTS[code], est_une_etendue=True)
