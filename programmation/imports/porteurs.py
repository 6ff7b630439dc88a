"""De quel organisme parle une fiche : par SIRET, par SIREN, puis par nom exact ; inconnu, il sera créé."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from difflib import SequenceMatcher
from functools import cached_property

from django.core.exceptions import ValidationError

from politique_ville.outils.recherche import normaliser

from ..enums import Droit, FormeOrganisme
from ..models import Etablissement, Organisme
from .fiches import Fiche
from .mots import ont_un_mot_commun

RESSEMBLANCE = 0.85  # de 0 à 1 : en deçà, deux noms ne sont pas rapprochés
AUTRES_NOMS = "noms un peu différents de ceux du répertoire, qui garde les siens."
SANS_SIRET = "porteurs inconnus, qui seront créés sans SIRET."
PUBLICS = {
    FormeOrganisme.COMMUNE,
    FormeOrganisme.EPCI,
    FormeOrganisme.CCAS,
    FormeOrganisme.CAISSE_DES_ECOLES,
    FormeOrganisme.GIP,
    FormeOrganisme.EPLE,
}


class Porteurs:
    """Les organismes dont parle un fichier, lus une fois, et ceux qu'il fait naître.

    Un organisme à créer a un identifiant négatif, le temps du plan : la confirmation lui donne le sien.
    """

    def __init__(self, fiches: Iterable[Fiche]):
        fiches = list(fiches)
        sirets = {fiche.valeurs["siret"] for fiche in fiches if "siret" in fiche.valeurs}
        sirens = {siren for fiche in fiches if (siren := _siren(fiche))}
        lus = Etablissement.objects.filter(siret__in=sirets).select_related("organisme__fusionne_dans")
        self.etablissements = {etablissement.siret: etablissement for etablissement in lus}
        organismes = Organisme.objects.filter(siren__in=sirens).select_related("fusionne_dans")
        self.par_siren = {organisme.siren: organisme.courant for organisme in organismes}
        self.a_creer: list[Organisme] = []
        self.etablissements_a_creer: list[Etablissement] = []

    def trouver(self, fiches: Iterable[Fiche]) -> None:
        """Donne son porteur à chaque fiche ; d'abord celles qui ont un numéro, pour qu'un nom seul les retrouve."""
        fiches = list(fiches)
        for fiche in fiches:
            if _siren(fiche):
                self._par_numero(fiche, _siren(fiche), fiche.valeurs.get("siret"))
        for fiche in fiches:
            if not _siren(fiche) and "porteur" in fiche.valeurs:
                fiche.porteur = self._par_nom(fiche, fiche.valeurs["porteur"])

    # --- Par numéro ---

    def _par_numero(self, fiche, siren, siret):
        nom = fiche.valeurs.get("porteur")
        if siret and fiche.valeurs.get("siren", siren) != siren:
            fiche.refuser("siren", f"ce SIREN n’est pas le début du SIRET {siret}.")
            return
        etablissement = self.etablissements.get(siret)
        organisme = etablissement.organisme.courant if etablissement else self.par_siren.get(siren)
        if organisme is None:
            organisme = self._creer_par_numero(fiche, siren, nom)
        elif nom and not _est_le_nom(nom, organisme):
            _avertir_de_l_autre_nom(fiche, nom, organisme)
        fiche.porteur = organisme
        if organisme and siret:
            fiche.etablissement = etablissement or self._nouvel_etablissement(organisme, siret)

    def _creer_par_numero(self, fiche, siren, nom):
        if not nom:
            numero = "siret" if "siret" in fiche.valeurs else "siren"
            fiche.refuser(numero, "porteur inconnu : indiquer aussi son nom, pour le créer.")
            return None
        homonyme = self._suggestion(nom, sans_siren=True)  # deux SIREN différents sont deux organismes
        organisme = self._nouveau(fiche, nom, siren)
        if organisme and homonyme:
            fiche.avertir(
                "porteur",
                f"nouveau porteur, qui ressemble à « {homonyme} », connu sans SIREN : vérifier que c’en est un autre.",
                "nouveaux porteurs, proches d’organismes connus sans SIREN : vérifier que c’en sont d’autres.",
            )
        return organisme

    def _nouvel_etablissement(self, organisme, siret):
        etablissement = Etablissement(pk=-len(self.etablissements_a_creer) - 1, organisme=organisme, siret=siret)
        self.etablissements_a_creer.append(etablissement)
        self.etablissements[siret] = etablissement
        return etablissement

    # --- Par nom ---

    def _par_nom(self, fiche, nom):
        if fiche.action and fiche.action.porteur and _est_le_nom(nom, fiche.action.porteur.courant):
            return fiche.action.porteur.courant
        trouves = self.noms.get(normaliser(nom), {})
        if len(trouves) > 1:
            fiche.refuser("porteur", f"{len(trouves)} organismes portent ce nom : ajouter une colonne SIRET.")
            return None
        if trouves:
            return next(iter(trouves.values()))
        suggestion = self._suggestion(nom)
        organisme = self._nouveau(fiche, nom, None)
        if organisme:
            inconnu = f"« {nom} » est inconnu et sera créé sans SIRET"
            message = f"{inconnu}, vouliez-vous « {suggestion} » ?" if suggestion else f"{inconnu}."
            fiche.avertir("porteur", message, "" if suggestion else SANS_SIRET)
        return organisme

    def _nouveau(self, fiche, nom, siren):
        forme = fiche.valeurs.get("forme", FormeOrganisme.ASSOCIATION)
        droit = Droit.PUBLIC if forme in PUBLICS else Droit.PRIVE
        organisme = Organisme(pk=-len(self.a_creer) - 1, nom=nom, siren=siren, forme=forme, droit=droit)
        try:
            organisme.clean_fields(exclude=["fusionne_dans"])
        except ValidationError as erreur:
            fiche.refuser("siret" if "siret" in fiche.valeurs else "porteur", " ".join(erreur.messages))
            return None
        self.a_creer.append(organisme)
        self._retenir(organisme)
        if siren:
            self.par_siren[siren] = organisme
        return organisme

    # --- Les noms du répertoire, lus seulement si un nom est à chercher ---

    @cached_property
    def noms(self) -> dict[str, dict[int, Organisme]]:
        """Nom normalisé, avec et sans sigle → les organismes vivants qui le portent."""
        self._noms = defaultdict(dict)
        for organisme in [*Organisme.objects.vivants().only("nom", "sigle", "siren", "fusionne_dans"), *self.a_creer]:
            self._indexer(organisme)
        return self._noms

    def _retenir(self, organisme):
        if "noms" in self.__dict__:
            self._indexer(organisme)
        if "_trigrammes" in self.__dict__:
            self._decouper(normaliser(organisme.nom))

    def _indexer(self, organisme):
        for nom in {normaliser(organisme.nom), normaliser(str(organisme))}:
            self._noms[nom][organisme.pk] = organisme

    def _suggestion(self, nom, sans_siren=False):
        """L'organisme au nom le plus ressemblant, ou None : les trigrammes communs désignent quelques candidats."""
        cherche = normaliser(nom)
        communs = Counter()
        for trigramme in _trigrammes(cherche):
            communs.update(self._trigrammes.get(trigramme, ()))
        for candidat, _ in communs.most_common(3):
            organismes = [o for o in self.noms[candidat].values() if not (sans_siren and o.siren)]
            if organismes and SequenceMatcher(None, cherche, candidat).ratio() >= RESSEMBLANCE:
                return organismes[0]
        return None

    @cached_property
    def _trigrammes(self):
        index = defaultdict(list)
        for nom in self.noms:
            for trigramme in _trigrammes(nom):
                index[trigramme].append(nom)
        return index

    def _decouper(self, nom):
        for trigramme in _trigrammes(nom):
            self._trigrammes[trigramme].append(nom)


def _siren(fiche):
    return fiche.valeurs.get("siret", "")[:9] or fiche.valeurs.get("siren")


def _est_le_nom(nom, organisme):
    return normaliser(nom) in (normaliser(organisme.nom), normaliser(str(organisme)))


def _avertir_de_l_autre_nom(fiche, nom, organisme):
    """Une variante du nom se dit à peine ; un tout autre nom fait douter du numéro."""
    numero = f"ce numéro est celui de « {organisme} »"
    if ont_un_mot_commun(nom, f"{organisme} {organisme.sigle}"):
        fiche.avertir("porteur", f"{numero} : son nom est gardé.", AUTRES_NOMS)
    else:
        fiche.avertir("porteur", f"{numero}, dont le nom est gardé : vérifier le numéro.")


def _trigrammes(nom):
    return {nom[debut : debut + 3] for debut in range(len(nom) - 2)}
