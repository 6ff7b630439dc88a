"""Les fabriques des dispositifs : elles écrivent droit en base, dans le Calvados sans précision."""

from datetime import date
from decimal import Decimal

import factory
from factory.django import DjangoModelFactory

from dispositifs.enums import CategorieEmployeur, EtatOccupation, NatureContrat, NaturePorteurPre, StatutBareme
from dispositifs.models import (
    AvenantAdulteRelais,
    BaremeAdulteRelais,
    BaremeFonjep,
    BudgetPre,
    ConventionAdulteRelais,
    Occupation,
    PosteAdulteRelais,
    PosteFonjep,
    ProgrammeReussiteEducative,
    QuotaAdulteRelais,
    ReleveAnct,
    ReleveFonjep,
    SuiviPre,
    TriennaliteFonjep,
)
from programmation.enums import Droit, FormeOrganisme
from tests.fabriques import ContratFactory, DepartementFactory, ExerciceFactory, FinanceurFactory, OrganismeFactory


class BaremeAdulteRelaisFactory(DjangoModelFactory):
    """Un barème daté ; `montant=None` déclare un trou."""

    class Meta:
        model = BaremeAdulteRelais

    date_effet = date(2020, 1, 1)
    montant = Decimal("20000.00")
    statut = factory.LazyAttribute(lambda b: StatutBareme.INCONNU if b.montant is None else StatutBareme.ANNUEL)
    source = "Exemple"


class BaremeFonjepFactory(BaremeAdulteRelaisFactory):
    class Meta:
        model = BaremeFonjep

    montant = Decimal("7164.00")


class PosteFactory(DjangoModelFactory):
    """Un poste adulte-relais d'une association, dans un nouveau contrat du Calvados."""

    class Meta:
        model = PosteAdulteRelais

    departement = factory.SubFactory(DepartementFactory)
    contrat = factory.SubFactory(ContratFactory, departement=factory.SelfAttribute("..departement"))
    numero = factory.Sequence(lambda n: f"01424R{n:04d}")
    employeur = factory.SubFactory(OrganismeFactory)
    categorie_employeur = CategorieEmployeur.ASSOCIATION


class ConventionFactory(DjangoModelFactory):
    """Une convention à temps plein de 2024 à 2026, signée."""

    class Meta:
        model = ConventionAdulteRelais

    poste = factory.SubFactory(PosteFactory)
    debut = date(2024, 1, 1)
    fin = date(2026, 12, 31)
    quotite = Decimal("100.00")
    signee_le = date(2023, 12, 15)


class AvenantFactory(DjangoModelFactory):
    class Meta:
        model = AvenantAdulteRelais

    convention = factory.SubFactory(ConventionFactory)
    date_effet = date(2025, 1, 1)
    quotite = Decimal("80.00")


class OccupationFactory(DjangoModelFactory):
    """Le poste est pourvu en CDD depuis le début de sa convention ; `vacant=True` pour une vacance."""

    class Meta:
        model = Occupation

    class Params:
        vacant = factory.Trait(etat=EtatOccupation.VACANT, nature_contrat="")

    convention = factory.SubFactory(ConventionFactory)
    etat = EtatOccupation.POURVU
    nature_contrat = NatureContrat.CDD
    debut = factory.SelfAttribute("convention.debut")


class QuotaFactory(DjangoModelFactory):
    class Meta:
        model = QuotaAdulteRelais

    exercice = factory.SubFactory(ExerciceFactory)
    postes_notifies = 30


class ReleveFactory(DjangoModelFactory):
    class Meta:
        model = ReleveAnct

    poste = factory.SubFactory(PosteFactory)
    annee = 2024
    id_publie = factory.LazyAttribute(lambda r: f"{r.poste.numero}00")
    montant = Decimal("22810.61")


class PosteFonjepFactory(DjangoModelFactory):
    class Meta:
        model = PosteFonjep

    departement = factory.SubFactory(DepartementFactory)
    contrat = factory.SubFactory(ContratFactory, departement=factory.SelfAttribute("..departement"))
    code = factory.Sequence(lambda n: f"D{n:05d}")
    association = factory.SubFactory(OrganismeFactory)


class ReleveFonjepFactory(DjangoModelFactory):
    class Meta:
        model = ReleveFonjep

    poste = factory.SubFactory(PosteFonjepFactory)
    annee = 2024
    id_publie = factory.SelfAttribute("poste.code")
    montant = Decimal("7164.00")


class TriennaliteFactory(DjangoModelFactory):
    """La première période d'un poste FONJEP, de 2024 à 2026."""

    class Meta:
        model = TriennaliteFonjep

    poste = factory.SubFactory(PosteFonjepFactory)
    debut = date(2024, 1, 1)
    fin = date(2026, 12, 31)


class ProgrammeFactory(DjangoModelFactory):
    """Un PRE porté par un CCAS, dans un nouveau contrat du Calvados."""

    class Meta:
        model = ProgrammeReussiteEducative
        skip_postgeneration_save = True

    intitule = factory.Sequence(lambda n: f"PRE {n}")
    contrat = factory.SubFactory(ContratFactory)
    nature_porteur = NaturePorteurPre.CCAS
    structure = factory.SubFactory(OrganismeFactory, droit=Droit.PUBLIC, forme=FormeOrganisme.CCAS)

    @factory.post_generation
    def communes(programme, create, communes, **options):
        programme.communes.set(communes or [])


class SuiviPreFactory(DjangoModelFactory):
    class Meta:
        model = SuiviPre

    programme = factory.SubFactory(ProgrammeFactory)
    exercice = factory.SubFactory(ExerciceFactory)
    enfants_suivis = 120


class BudgetPreFactory(DjangoModelFactory):
    class Meta:
        model = BudgetPre

    suivi = factory.SubFactory(SuiviPreFactory)
    financeur = factory.SubFactory(FinanceurFactory)
    montant = Decimal("60000.00")
