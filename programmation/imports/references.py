"""Ce qu'une cellule peut désigner dans un exercice : les référentiels, lus une fois par import."""

from functools import cache, cached_property

from django.db.models import Q

from comptes.models import Utilisateur
from politique_ville.outils.recherche import normaliser
from territoires.models import ContratDeVille, Quartier

from ..enums import FamilleFinanceur, NaturePilier
from ..models import (
    Correspondance,
    Dispositif,
    Exercice,
    Financeur,
    Pilier,
    PrioriteTransversale,
    Thematique,
)


class References:
    """Les valeurs proposées à la saisie dans l'exercice, et celles que ses actions portent déjà."""

    def __init__(self, exercice: Exercice, utilisateur: Utilisateur):
        self.exercice = exercice
        self.utilisateur = utilisateur

    def _utiles(self, queryset):
        portees = Q(pk__in=queryset.filter(actions__exercice=self.exercice).order_by().values("pk"))
        return queryset.filter(Q(est_actif=True) | portees)

    @cached_property
    def contrats(self) -> list[ContratDeVille]:
        """Ceux du département, en vigueur ou non : la règle dira qu'un contrat ne l'est pas cette année-là."""
        contrats = self.utilisateur.contrats_visibles().filter(departement=self.exercice.departement_id)
        return list(contrats.select_related("intercommunalite").prefetch_related("communes"))

    @cached_property
    def quartiers(self) -> list[Quartier]:
        contrats = {contrat.pk: contrat for contrat in self.contrats}
        quartiers = list(Quartier.objects.filter(contrat__in=contrats).defer("contour").order_by("pk"))
        for quartier in quartiers:
            quartier.contrat = contrats[quartier.contrat_id]
        return quartiers

    @cached_property
    def thematiques(self) -> list[Thematique]:
        siennes = Thematique.objects.filter(theme__nomenclature=self.exercice.nomenclature_id)
        return list(self._utiles(siennes).select_related("theme"))

    @cached_property
    def piliers(self) -> list[Pilier]:
        return list(self._utiles(Pilier.objects.filter(nature__in=NaturePilier.qui_s_additionnent())))

    @cached_property
    def piliers_transversaux(self) -> list[Pilier]:
        return list(Pilier.objects.filter(nature=NaturePilier.TRANSVERSAL, est_actif=True))

    @cached_property
    def dispositifs(self) -> list[Dispositif]:
        return list(self._utiles(Dispositif.objects.all()))

    @cached_property
    def priorites(self) -> list[PrioriteTransversale]:
        return list(self._utiles(PrioriteTransversale.objects.all()))

    @cached_property
    def financeurs(self) -> list[Financeur]:
        portes = Q(
            pk__in=Financeur.objects.filter(financements__action__exercice=self.exercice).order_by().values("pk")
        )
        proposes = Q(pk__in=Financeur.objects.proposes_dans(self.exercice.departement_id).order_by().values("pk"))
        return list(Financeur.objects.filter(proposes | portes))

    @cache  # noqa: B019 – ces références ne durent que le temps d'un import
    def financeurs_de(self, famille: FamilleFinanceur, contrat: int | None) -> list[Financeur]:
        """Ceux d'une famille, bornés à l'EPCI ou aux communes du contrat quand leur nom les y reconnaît."""
        siens = [f for f in self.financeurs if f.famille == famille]
        noms = self._noms_du_contrat(famille, contrat)
        return [f for f in siens if any(f" {nom} " in f" {normaliser(f.nom)} " for nom in noms)] or siens

    def _noms_du_contrat(self, famille, identifiant):
        contrat = next((c for c in self.contrats if c.pk == identifiant), None)
        if contrat is None:
            return []
        lieux = {FamilleFinanceur.EPCI: [contrat.intercommunalite], FamilleFinanceur.COMMUNE: contrat.communes.all()}
        return [normaliser(lieu.nom) for lieu in lieux.get(famille, ())]

    @cached_property
    def _correspondances(self) -> dict[tuple[int, int | None], Pilier]:
        correspondances = Correspondance.objects.filter(
            thematique__theme__nomenclature=self.exercice.nomenclature_id
        ).select_related("pilier")
        return {(c.thematique_id, c.dispositif_id): c.pilier for c in correspondances}

    def pilier_propose(self, thematique: Thematique | None, dispositif: Dispositif | None) -> Pilier | None:
        """La correspondance la plus précise, comme `Correspondance.objects.pilier_propose`, sans requête."""
        if thematique is None:
            return None
        precise = self._correspondances.get((thematique.pk, dispositif.pk)) if dispositif else None
        return precise or self._correspondances.get((thematique.pk, None))
