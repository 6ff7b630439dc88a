"""Le sol d'un département, lu une fois : contrats, quartiers, villes, et ce qu'ils étaient avant 2024."""

from dataclasses import dataclass, field

from programmation.enums import FamilleFinanceur
from programmation.models import Financeur
from programmation.operations import financeur_a_preciser
from territoires.enums import Generation
from territoires.models import Commune, ContratDeVille, Departement, FiliationContrat, FiliationQuartier, Quartier

from .lieux import ANCIEN_CONTRAT


@dataclass
class Territoire:
    """Ce que la démonstration sait d'un département."""

    departement: Departement
    contrats: list[ContratDeVille]
    quartiers: dict[int, list[Quartier]] = field(default_factory=dict)  # par contrat
    villes: list[Commune] = field(default_factory=list)
    financeurs: dict[str, Financeur] = field(default_factory=dict)
    anciens_contrats: dict[int, list[ContratDeVille]] = field(default_factory=dict)
    anciens_quartiers: dict[int, list[Quartier]] = field(default_factory=dict)

    def ville(self, quartier: Quartier) -> Commune:
        """La plus peuplée de ses communes : un quartier à cheval se nomme d'après elle."""
        return max(quartier.communes.all(), key=lambda commune: commune.population or 0)

    def contrat_de_la_ville(self, nom: str) -> ContratDeVille:
        """Le contrat en cours de cette ville ou, si elle n'en a plus, la suite de celui qu'elle avait."""
        for contrat in self.contrats:
            lignee = [contrat, *self.anciens_contrats.get(contrat.pk, [])]
            if any(commune.nom == nom for c in lignee for commune in c.communes.all()):
                return contrat
        raise LookupError(f"Aucun contrat pour {nom} : relancer charger_reference.")

    def quartiers_de_la_ville(self, nom: str) -> list[Quartier]:
        return [q for quartiers in self.quartiers.values() for q in quartiers if self.ville(q).nom == nom]

    def contrat_en(self, annee: int, contrat: ContratDeVille | None, quartiers: list[Quartier]):
        """Le contrat en vigueur cette année-là : lui-même, ou celui dont il est la suite."""
        if contrat is None or contrat.couvre(annee):
            return contrat
        anciens = self.anciens_contrats[contrat.pk]
        voulu = next((ANCIEN_CONTRAT[q.code] for q in quartiers if q.code in ANCIEN_CONTRAT), None)
        return next((ancien for ancien in anciens if ancien.code == voulu), anciens[0])

    def quartiers_en(self, contrat: ContratDeVille | None, quartiers: list[Quartier]) -> list[Quartier]:
        """Les quartiers, dans la géographie du contrat ; vide quand les anciens ne sont pas connus."""
        if contrat is None or all(quartier.contrat_id == contrat.pk for quartier in quartiers):
            return quartiers
        anciens = {a.pk: a for q in quartiers for a in self.anciens_quartiers.get(q.pk, [])}
        return [ancien for ancien in anciens.values() if ancien.contrat_id == contrat.pk]


def lire_le_territoire(code: str) -> Territoire:
    departement = Departement.objects.get(code=code)
    contrats = list(
        ContratDeVille.objects.filter(departement=departement, generation=Generation.G2024)
        .select_related("intercommunalite")
        .prefetch_related("communes")
        .order_by("code")
    )
    territoire = Territoire(departement, contrats)
    for quartier in Quartier.objects.filter(contrat__in=contrats).prefetch_related("communes").order_by("code"):
        territoire.quartiers.setdefault(quartier.contrat_id, []).append(quartier)
    contrats_du_departement = ContratDeVille.objects.filter(departement=departement)
    communes = Commune.objects.filter(contrats__in=contrats_du_departement).select_related("intercommunalite")
    territoire.villes = list(communes.distinct().order_by("code_insee"))
    financeur_a_preciser(FamilleFinanceur.COMMUNE)
    territoire.financeurs = {f.nom: f for f in Financeur.objects.proposes_dans(departement)}
    for lien in FiliationContrat.objects.filter(nouveau__in=contrats).select_related("ancien").order_by("ancien__code"):
        territoire.anciens_contrats.setdefault(lien.nouveau_id, []).append(lien.ancien)
    for lien in FiliationQuartier.objects.filter(nouveau__contrat__in=contrats).select_related("ancien").order_by("pk"):
        territoire.anciens_quartiers.setdefault(lien.nouveau_id, []).append(lien.ancien)
    return territoire
