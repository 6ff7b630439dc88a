"""Tirer les feuilles d'un PRE, et attaquer ce qui en sort : quel petit nombre s'y retrouve par différence ?

Chaque égalité publiée (une ligne et sa marge, suivis de N − sortis de N = suivis de N+1 − nouveaux de N+1) est un nœud
d'un réseau, chaque nombre d'enfants une arête. Une arête cachée se retrouve si et seulement si aucun circuit n'y passe
qui ne change que des nombres cachés, tous ≥ 0 : sa plus petite et sa plus grande valeur sont alors la même.
"""

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

from dispositifs.enums import AxeEffectif
from dispositifs.models import SOUS_ENSEMBLES, SuiviPre
from dispositifs.synthese import FeuilleDePre
from dispositifs.synthese.pre import annee_de, tus_d_une_annee_a_l_autre
from dispositifs.synthese.suivi_pre import feuille
from programmation.models import Exercice

AGES, PRESCRIPTEURS, DOMAINES = AxeEffectif.AGE_ET_SEXE, AxeEffectif.PRESCRIPTEUR, AxeEffectif.DOMAINE
PETIT = 5  # enfants : écrit ici de nouveau, pour que l'attaque ne croie pas la défense


@dataclass(frozen=True)
class Tirage:
    """Une année d'un PRE : les vrais nombres, et ce que l'agent en a saisi (des cases et des champs manquent)."""

    annee: int
    vrais: dict[str, int]
    cases: dict[tuple[str, str], int]
    saisis: dict[str, int | None]
    cases_saisies: dict[tuple[str, str], int]

    def de_l_axe(self, axe):
        return [self.cases[axe, modalite] for modalite in axe.modalites]


# --- Tirer ---


def tirer(alea, annees=3):
    """Des années qui se suivent : sortis et nouveaux s'y déduisent des enfants qui restent de l'une à l'autre."""
    totaux = [alea.choice([alea.randint(0, 12), alea.randint(5, 40), alea.randint(20, 150)]) for _ in range(annees)]
    restent = [rester(alea, min(paire)) for paire in pairwise(totaux)]
    sortis = [total - reste for total, reste in zip(totaux, [*restent, 0], strict=True)]
    nouveaux = [total - reste for total, reste in zip(totaux, [0, *restent], strict=True)]
    return [une_annee(alea, 2024 + i, t, sortis[i], nouveaux[i]) for i, t in enumerate(totaux)]


def rester(alea, au_plus):
    return alea.choice([0, au_plus, max(0, au_plus - alea.randint(0, 6)), alea.randint(0, au_plus)])


def une_annee(alea, annee, total, sortis, nouveaux):
    vrais = {"enfants_suivis": total, "nouveaux": nouveaux, "sortis": sortis}
    vrais |= {nom: une_part(alea, total) for nom in SOUS_ENSEMBLES if nom not in vrais}
    cases, saisies = {}, {}
    for axe in AxeEffectif:
        n = len(axe.modalites)
        nombres = partager(alea, total, n) if axe.est_une_partition else [une_part(alea, total) for _ in range(n)]
        siennes = {(axe, modalite): nombre for modalite, nombre in zip(axe.modalites, nombres, strict=True)}
        oubliees = alea.sample(list(siennes), alea.choice([0, 0, 0, 1, 2, n]))
        cases |= siennes
        saisies |= {cle: nombre for cle, nombre in siennes.items() if cle not in oubliees}
    saisis = {nom: nombre if alea.random() < 0.8 else None for nom, nombre in vrais.items()}
    return Tirage(annee, vrais, cases, saisis, saisies)


def une_part(alea, total):
    return max(0, total - alea.choice([0, 1, 3, 4, 5, total // 2, total]))


def partager(alea, total, parts):
    """Un partage très inégal : beaucoup de petites cases, et de nulles."""
    poids = [alea.choice([0, 0.3, 1, 1, 3, 8]) for _ in range(parts)]
    choisies = alea.choices(range(parts), poids if any(poids) else None, k=total)
    return [choisies.count(part) for part in range(parts)]


# --- Publier ---


def publier(tirages) -> list[FeuilleDePre]:
    """Les feuilles de ces années, telles que toutes les sorties les montrent."""
    suivis = [SuiviPre(programme_id=1, exercice=Exercice(annee=t.annee), **t.saisis) for t in tirages]
    annees = {(1, t.annee): annee_de(s, t.cases_saisies) for t, s in zip(tirages, suivis, strict=True)}
    return [
        feuille(s, tus_d_une_annee_a_l_autre(s, annees), t.cases_saisies, [], [])
        for t, s in zip(tirages, suivis, strict=True)
    ]


# --- Attaquer ---


@dataclass(frozen=True)
class Arete:
    """Un nombre d'enfants entre deux nœuds ; `publie` : ce qui en sort, `nom` : ce qu'il compte."""

    de: str
    vers: str
    nombre: int
    publie: int | str | None
    nom: str

    @property
    def se_voit(self):
        return isinstance(self.publie, int)


def petits_retrouves(tirages) -> list[str]:
    """Les petits nombres qui se lisent, ou se retrouvent, dans ce qui sort de ces années."""
    feuilles, retrouves = publier(tirages), []
    for tirage, publiee in zip(tirages, feuilles, strict=True):
        for reseau in reseaux_de_l_annee(tirage, publiee):
            retrouves += [f"{tirage.annee}, {nom}" for nom in petits(reseau)]
    for avant, apres in pairwise(zip(tirages, feuilles, strict=True)):
        retrouves += [f"{avant[0].annee}-{apres[0].annee}, {nom}" for nom in petits(passage(avant, apres))]
    return retrouves


def reseaux_de_l_annee(tirage, publiee):
    total = Arete("b", "a", tirage.vrais["enfants_suivis"], total_publie(publiee), "enfants suivis")
    yield [*ages(tirage, publiee.ages), Arete("r4", "c2", total.nombre, total.publie, "total des âges")]
    prescrits = zip(PRESCRIPTEURS.modalites, tirage.de_l_axe(PRESCRIPTEURS), publiee.prescripteurs, strict=True)
    yield [total, *[Arete("a", "b", nombre, p.nombre, modalite) for modalite, nombre, p in prescrits]]
    parts = [(nom, tirage.vrais[nom], publiee.effectifs[nom]) for nom in SOUS_ENSEMBLES]
    domaines = zip(DOMAINES.modalites, tirage.de_l_axe(DOMAINES), publiee.domaines, strict=True)
    for nom, nombre, publie in [*parts, *[(nom, nombre, d.nombre) for nom, nombre, d in domaines]]:
        autres = Arete("a", "b", total.nombre - nombre, None, f"hors {nom}")
        yield [total, Arete("a", "b", nombre, publie, nom), autres]


def total_publie(publiee):
    """Le total qu'un lecteur connaît : dit, en marge des âges, ou somme de prescripteurs tous montrés."""
    prescrits = [p.nombre for p in publiee.prescripteurs]
    somme = sum(prescrits) if all(isinstance(n, int) for n in prescrits) else None
    connus = [n for n in (publiee.effectifs["enfants_suivis"], publiee.ages.total, somme) if isinstance(n, int)]
    assert len(set(connus)) <= 1
    return connus[0] if connus else None


def ages(tirage, tableau):
    """Les cases de r0-r3 (âges) vers c0-c1 (sexes) ; les marges y entrent par c2, et en sortent par r4."""
    filles_garcons = list(zip(*[iter(tirage.de_l_axe(AGES))] * 2, strict=True))
    for i, ligne in enumerate(filles_garcons):
        yield Arete("c2", f"r{i}", sum(ligne), tableau.totaux_des_lignes[i], f"âge {i}")
        for j, nombre in enumerate(ligne):
            yield Arete(f"r{i}", f"c{j}", nombre, tableau.lignes[i][j], f"âge {i}, sexe {j}")
    for j, colonne in enumerate(zip(*filles_garcons, strict=True)):
        yield Arete(f"c{j}", "r4", sum(colonne), tableau.totaux_des_colonnes[j], f"sexe {j}")


def passage(avant, apres):
    """Ceux qui restent vont de la première année à la seconde ; d'autres sortent, d'autres arrivent."""
    (ancien, ancienne), (neuf, neuve) = avant, apres
    sortis, nouveaux = ancien.vrais["sortis"], neuf.vrais["nouveaux"]
    return [
        Arete("dehors", "avant", ancien.vrais["enfants_suivis"], total_publie(ancienne), "enfants suivis avant"),
        Arete("avant", "dehors", sortis, ancienne.effectifs["sortis"], "sortis"),
        Arete("avant", "apres", ancien.vrais["enfants_suivis"] - sortis, None, "hors sortis"),
        Arete("dehors", "apres", nouveaux, neuve.effectifs["nouveaux"], "nouveaux"),
        Arete("apres", "dehors", neuf.vrais["enfants_suivis"], total_publie(neuve), "enfants suivis après"),
    ]


def petits(reseau):
    """Les petits nombres d'un réseau qui se lisent ou se retrouvent ; qu'un reste soit nul n'est pas caché."""
    reseau = list(reseau)
    for rang, arete in enumerate(reseau):
        if arete.nombre >= PETIT or (arete.nombre == 0 and arete.nom.startswith("hors ")):
            continue
        if arete.se_voit or not peut_varier(reseau, rang):
            yield arete.nom


def peut_varier(reseau, rang):
    """Vrai si cette arête cachée peut valoir plus, ou moins, sans que rien de publié ne change."""
    arete, autres = reseau[rang], [autre for i, autre in enumerate(reseau) if i != rang and not autre.se_voit]
    plus = atteint(autres, arete.vers, arete.de)
    return plus or (arete.nombre > 0 and atteint(autres, arete.de, arete.vers))


def atteint(aretes, depart, arrivee):
    voisins = defaultdict(set)
    for arete in aretes:
        voisins[arete.de].add(arete.vers)
        if arete.nombre > 0:
            voisins[arete.vers].add(arete.de)
    vus, a_voir = {depart}, [depart]
    while a_voir:
        nouveaux = voisins[a_voir.pop()] - vus
        vus |= nouveaux
        a_voir += nouveaux
    return arrivee in vus
