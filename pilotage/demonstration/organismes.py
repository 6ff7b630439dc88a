"""Les porteurs de la démonstration : des associations aux noms inventés, et les collectivités des contrats.

Tous les SIREN commencent par 000 : leur clé est juste, et personne ne peut les posséder.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from random import Random

from politique_ville.outils.siret import siren_valide, siret_valide
from programmation.enums import Droit, FormeOrganisme
from programmation.models import Etablissement, Organisme
from programmation.operations import enregistrer_un_organisme, rattacher_un_siret
from territoires.models import Commune, Departement

from .lieux import Lieu, lieu_du_departement
from .noms import ASSOCIATIONS, TOUS

MOTIF = "Données de démonstration"
COLLECTIVITES = [  # forme, nom, domaines
    (FormeOrganisme.COMMUNE, "Commune {de}", [TOUS, "cadre"]),
    (FormeOrganisme.CCAS, "CCAS {de}", ["pre", "sante", "droits"]),
    (FormeOrganisme.CAISSE_DES_ECOLES, "Caisse des écoles {de}", ["scolaire"]),
    (FormeOrganisme.EPLE, "Collège Les Quatre-Saisons {de}", ["scolaire"]),
]
# Numéros que l'Arcep réserve aux œuvres de fiction.
TELEPHONES = {"14": "02 61 91", "30": "04 65 71"}
SANS_SIRET = 5  # petites associations que l'on n'a pas encore identifiées


@dataclass(frozen=True)
class Porteur:
    """Un organisme, ce qu'il sait porter, et les villes où il agit (aucune : tout le département)."""

    organisme: Organisme
    domaines: list[str]
    villes: list[Commune]
    etablissement: Etablissement | None

    def agit_dans(self, villes: Collection[Commune]) -> bool:
        return not self.villes or not villes or any(ville in villes for ville in self.villes)


@dataclass(frozen=True)
class Fiche:
    """Un porteur à créer."""

    nom: str
    forme: FormeOrganisme
    domaines: list[str]
    villes: list[Commune] = field(default_factory=list)


def creer_les_porteurs(departement: Departement, villes: list[Commune], alea: Random, par) -> list[Porteur]:
    """Crée les porteurs d'un département, par les opérations ; `villes` : les communes de ses contrats."""
    fiches = fiches_des_associations(departement, villes, alea) + fiches_des_collectivites(departement, villes)
    sans_siret = alea.sample([f for f in fiches if f.forme == FormeOrganisme.ASSOCIATION], SANS_SIRET)
    return [
        creer(fiche, departement, rang, alea, par, avec_siret=fiche not in sans_siret)
        for rang, fiche in enumerate(fiches, start=1)
    ]


def fiches_des_associations(departement, villes, alea):
    """Chaque nom existe une fois : l'autre département l'emploie suivi d'une ville."""
    parite = departement.code > "14"
    poids = [ville.population or 1 for ville in villes]
    noms = [(nom, domaine) for domaine, noms in ASSOCIATIONS.items() for nom in noms]
    fiches = []
    for rang, (nom, domaine) in enumerate(noms):
        ville = alea.choices(villes, poids)[0]
        nom = nom if rang % 2 == parite else f"{nom} – {ville}"
        fiches.append(Fiche(nom, FormeOrganisme.ASSOCIATION, [domaine], [ville]))
    return fiches


def fiches_des_collectivites(departement, villes):
    """Les communes des contrats et leurs établissements, leurs intercommunalités, un bailleur du département."""
    fiches = [
        Fiche(nom.format(de=Lieu(ville.nom).de), forme, domaines, [ville])
        for ville in villes
        for forme, nom, domaines in COLLECTIVITES
    ]
    for nom in sorted({str(ville.intercommunalite) for ville in villes}):
        siennes = [ville for ville in villes if str(ville.intercommunalite) == nom]
        fiches.append(Fiche(nom, FormeOrganisme.EPCI, ["pilotage", "ressources", "cadre"], siennes))
    bailleur = f"Habitat et quartiers {lieu_du_departement(departement.code).de}"
    return [*fiches, Fiche(bailleur, FormeOrganisme.BAILLEUR, ["cadre", "tranquillite", "transition"])]


def creer(fiche, departement, rang, alea, par, *, avec_siret):
    association = fiche.forme == FormeOrganisme.ASSOCIATION
    organisme = Organisme(
        nom=fiche.nom,
        forme=fiche.forme,
        droit=Droit.PRIVE if association else Droit.PUBLIC,
        siren=siren(int(departement.code) * 1_000 + rang) if avec_siret else None,
        courriel=f"contact@porteur-{departement.code}-{rang:03d}.example",
        **adresse(fiche, departement, rang) if avec_siret else {},  # sans elle, aucune lettre ne part
        telephone=f"{TELEPHONES[departement.code]} {rang // 100:02d} {rang % 100:02d}",
        cer_souscrit_le=date(2022, alea.randint(1, 12), alea.randint(1, 28)) if association else None,
    )
    enregistrer_un_organisme(organisme, par=par, motif=MOTIF)
    etablissement = None
    if avec_siret:
        numero = siret(organisme.siren)
        siege = fiche.villes[0] if fiche.villes else None
        etablissement = rattacher_un_siret(organisme, numero, par=par, motif=MOTIF, commune=siege)
    return Porteur(organisme, fiche.domaines, fiche.villes, etablissement)


def adresse(fiche, departement, rang) -> dict[str, str]:
    """Une adresse inventée : aucun code postal ne finit par 999."""
    if not fiche.villes:
        return {}
    voie = f"{rang}, rue de l’Exemple"
    return {"adresse": voie, "code_postal": f"{departement.code}999", "ville": fiche.villes[0].nom}


def siren(rang: int) -> str:
    """Le SIREN fictif de ce rang (de 1 à 99 999) : sa clé est juste, et personne ne peut le posséder."""
    return avec_cle(f"000{rang:05d}", siren_valide)


def siret(numero: str) -> str:
    """Le SIRET du siège de ce SIREN."""
    return avec_cle(f"{numero}0001", siret_valide)


def avec_cle(debut: str, valide) -> str:
    """Le numéro complété du seul chiffre de contrôle qui le rend juste."""
    return next(f"{debut}{cle}" for cle in range(10) if valide(f"{debut}{cle}"))
