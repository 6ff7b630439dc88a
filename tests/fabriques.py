"""Les fabriques des tests : elles écrivent droit en base, sans passer par les opérations, des données cohérentes.

Sans précision, tout naît dans le Calvados, en 2026 : `ActionFactory()` est une action déposée, renseignée, d'un nouveau
contrat du département. Ailleurs, passer l'exercice : `ActionFactory(exercice=gard_2026, contrat=nimes)`.
"""

from datetime import date
from decimal import Decimal

import factory
from factory.django import DjangoModelFactory

from comptes.enums import Role
from comptes.models import Habilitation, Utilisateur
from politique_ville.outils.repartition import cumuls
from programmation.enums import (
    Echelle,
    EtatFinancement,
    FamilleFinanceur,
    NatureActe,
    NatureDecision,
    NatureMouvement,
    NaturePaiement,
    NaturePilier,
    StatutAction,
    StatutExercice,
)
from programmation.models import (
    Acte,
    Action,
    Campagne,
    Decision,
    Dispositif,
    Engagement,
    Enveloppe,
    Etablissement,
    Exercice,
    Financement,
    Financeur,
    LigneEngagement,
    Localisation,
    MouvementEnveloppe,
    Nomenclature,
    Organisme,
    Paiement,
    Pilier,
    PrioriteTransversale,
    Repere,
    Thematique,
    Theme,
)
from territoires.enums import Generation
from territoires.models import Commune, ContratDeVille, Departement, Intercommunalite, Quartier


def euros(valeur):
    """Le montant en `Decimal` : `euros("100,01")`, `euros(5000)` ; None reste inconnu."""
    return None if valeur is None else Decimal(str(valeur).replace(",", ".")).quantize(Decimal("0.01"))


# --- Le sol ---


class DepartementFactory(DjangoModelFactory):
    """Le Calvados, ou celui dont on donne le code."""

    class Meta:
        model = Departement
        django_get_or_create = ["code"]

    code = "14"
    nom = factory.LazyAttribute(lambda d: {"14": "Calvados", "30": "Gard"}.get(d.code, f"Département {d.code}"))
    region = "Normandie"


class IntercommunaliteFactory(DjangoModelFactory):
    class Meta:
        model = Intercommunalite

    siren = factory.Sequence(lambda n: f"{200000000 + n}")
    nom = factory.Sequence(lambda n: f"Communauté d’agglomération {n}")


class CommuneFactory(DjangoModelFactory):
    class Meta:
        model = Commune

    code_insee = factory.Sequence(lambda n: f"14{n:03d}")
    nom = factory.Sequence(lambda n: f"Commune {n}")
    departement = factory.SubFactory(DepartementFactory)
    intercommunalite = factory.SubFactory(IntercommunaliteFactory)
    population = 10_000


class ContratFactory(DjangoModelFactory):
    """Un contrat de ville 2024-2030 ; `ancien=True` pour 2015-2023."""

    class Meta:
        model = ContratDeVille

    class Params:
        ancien = factory.Trait(generation=Generation.G2015, debut=date(2015, 1, 1), fin=date(2023, 12, 31))

    code = factory.Sequence(lambda n: f"CT{n:05d}")
    intitule = factory.Sequence(lambda n: f"Contrat de ville {n}")
    departement = factory.SubFactory(DepartementFactory)
    intercommunalite = factory.SubFactory(IntercommunaliteFactory)
    generation = Generation.G2024
    debut = date(2024, 1, 1)
    fin = date(2030, 12, 31)


class QuartierFactory(DjangoModelFactory):
    """Un quartier prioritaire de la génération de son contrat, de 1 000 habitants."""

    class Meta:
        model = Quartier
        skip_postgeneration_save = True

    code = factory.Sequence(lambda n: f"QT{n:05d}")
    nom = factory.Sequence(lambda n: f"Quartier {n}")
    contrat = factory.SubFactory(ContratFactory)
    generation = factory.SelfAttribute("contrat.generation")
    population = 1_000
    millesime_population = "2021"
    debut = factory.SelfAttribute("contrat.debut")

    @factory.post_generation
    def communes(quartier, create, communes, **options):
        quartier.communes.set(communes or [])


# --- Les gens ---


class UtilisateurFactory(DjangoModelFactory):
    """Un compte sans mot de passe (pour `client.force_login`), ou avec celui que l'on donne."""

    class Meta:
        model = Utilisateur

    courriel = factory.Sequence(lambda n: f"personne{n}@exemple.test")
    nom = factory.Sequence(lambda n: f"Nom{n}")
    prenom = "Camille"
    service = "DDETS"

    @classmethod
    def _create(cls, model_class, *args, **champs):
        return model_class.objects.create_user(*args, **champs)


class HabilitationFactory(DjangoModelFactory):
    """Un agent du Calvados ; `HabilitationFactory(role=…, departement=None, contrat=…)` pour un autre territoire."""

    class Meta:
        model = Habilitation

    utilisateur = factory.SubFactory(UtilisateurFactory)
    role = Role.AGENT
    departement = factory.SubFactory(DepartementFactory)


def habiliter(role=Role.AGENT, **territoire):
    """Une personne habilitée, relue comme à la connexion : `habiliter("delegue", contrat=caen)`.

    Sans territoire, le Calvados.
    """
    champs = {"departement": None, **territoire} if territoire else {}
    habilitation = HabilitationFactory(role=role, **champs)
    return Utilisateur.objects.get(pk=habilitation.utilisateur_id)


# --- Le cadre ---


class PilierFactory(DjangoModelFactory):
    """Le pilier cohésion sociale, ou celui dont on donne le code ; `transversal=True` pour une étiquette."""

    class Meta:
        model = Pilier
        django_get_or_create = ["code"]

    class Params:
        transversal = factory.Trait(code="valeurs", nature=NaturePilier.TRANSVERSAL, ordre=9)
        ligne = factory.Trait(code="pilotage", nature=NaturePilier.LIGNE, ordre=8)

    code = "cohesion-sociale"
    libelle = factory.LazyAttribute(lambda p: p.code.replace("-", " ").capitalize())
    libelle_court = factory.SelfAttribute("libelle")
    ordre = 1
    couleur = "#000091"
    nature = NaturePilier.PILIER


class RepereFactory(DjangoModelFactory):
    class Meta:
        model = Repere

    pilier = factory.SubFactory(PilierFactory)
    part = Decimal("80.0")
    departement = factory.SubFactory(DepartementFactory, code="30")
    periode = "antérieur à 2024"
    source = "Page d’un service de l’État"


class NomenclatureFactory(DjangoModelFactory):
    class Meta:
        model = Nomenclature
        django_get_or_create = ["millesime"]

    millesime = "2024-"
    annee_de_debut = 2024


class ThemeFactory(DjangoModelFactory):
    class Meta:
        model = Theme
        django_get_or_create = ["nomenclature", "code"]

    nomenclature = factory.SubFactory(NomenclatureFactory)
    code = "1"
    libelle = "Éducation"


class ThematiqueFactory(DjangoModelFactory):
    class Meta:
        model = Thematique
        django_get_or_create = ["theme", "code"]

    theme = factory.SubFactory(ThemeFactory)
    code = "1.2"
    libelle = "Soutien à la scolarité"


class DispositifFactory(DjangoModelFactory):
    """Le contrat de ville ; `pre=True` pour un programme de réussite éducative."""

    class Meta:
        model = Dispositif
        django_get_or_create = ["code"]

    class Params:
        pre = factory.Trait(code="pre", libelle="Programme de réussite éducative", est_pre=True)

    code = "contrat-de-ville"
    libelle = factory.LazyAttribute(lambda d: d.code.replace("-", " ").capitalize())


class PrioriteFactory(DjangoModelFactory):
    class Meta:
        model = PrioriteTransversale
        django_get_or_create = ["code"]

    code = "jeunesse"
    libelle = factory.LazyAttribute(lambda p: p.code.capitalize())


class CampagneFactory(DjangoModelFactory):
    class Meta:
        model = Campagne
        django_get_or_create = ["exercice", "intitule"]

    exercice = factory.SubFactory("tests.fabriques.ExerciceFactory")
    intitule = factory.LazyAttribute(lambda c: f"Campagne {c.exercice.annee}")


class ExerciceFactory(DjangoModelFactory):
    """L'exercice ouvert d'un département et d'une année, avec sa campagne par défaut."""

    class Meta:
        model = Exercice
        django_get_or_create = ["departement", "annee"]
        skip_postgeneration_save = True

    departement = factory.SubFactory(DepartementFactory)
    annee = 2026
    nomenclature = factory.SubFactory(NomenclatureFactory)
    statut = StatutExercice.OUVERT

    @factory.post_generation
    def campagne(exercice, create, extrait, **options):
        CampagneFactory(exercice=exercice)


class EnveloppeFactory(DjangoModelFactory):
    class Meta:
        model = Enveloppe

    exercice = factory.SubFactory(ExerciceFactory)
    libelle = factory.Sequence(lambda n: f"Enveloppe {n}")


class MouvementFactory(DjangoModelFactory):
    """Une prévision ; `MouvementFactory(enveloppe=…, nature="notification", ae=…)` pour un autre mouvement."""

    class Meta:
        model = MouvementEnveloppe

    enveloppe = factory.SubFactory(EnveloppeFactory)
    date = date(2026, 2, 1)
    nature = NatureMouvement.PREVISION
    ae = Decimal("100000.00")
    cp = factory.SelfAttribute("ae")
    auteur = factory.SubFactory(UtilisateurFactory)


# --- Les organismes ---


class OrganismeFactory(DjangoModelFactory):
    class Meta:
        model = Organisme

    nom = factory.Sequence(lambda n: f"Association {n}")


def avec_cle_de_luhn(debut):
    """Le numéro complété de son chiffre de contrôle."""
    chiffres = [int(c) for c in f"{debut}0"[::-1]]
    somme = sum(c if i % 2 == 0 else c * 2 - 9 * (c > 4) for i, c in enumerate(chiffres))
    return f"{debut}{-somme % 10}"


class EtablissementFactory(DjangoModelFactory):
    """Un établissement au SIRET juste, que personne ne peut porter (il commence par 000)."""

    class Meta:
        model = Etablissement

    siret = factory.Sequence(lambda n: avec_cle_de_luhn(f"000{n + 1:010d}"))
    organisme = factory.SubFactory(OrganismeFactory)


class FinanceurFactory(DjangoModelFactory):
    """Une commune ; `p147=True` pour l'ANCT, ou une autre famille avec son nom."""

    class Meta:
        model = Financeur
        django_get_or_create = ["nom", "departement"]

    class Params:
        p147 = factory.Trait(nom="ANCT – P147", famille=FamilleFinanceur.ANCT_P147)

    nom = factory.Sequence(lambda n: f"Ville {n}")
    famille = FamilleFinanceur.COMMUNE
    departement = None


# --- Les actions ---


class ActionFactory(DjangoModelFactory):
    """Une action déposée et renseignée, de 10 000 € de coût ; `brouillon=True`, ou `departementale=True`."""

    class Meta:
        model = Action

    class Params:
        brouillon = factory.Trait(
            statut=StatutAction.BROUILLON,
            thematique=None,
            pilier=None,
            dispositif=None,
            porteur=None,
            date_debut=None,
            date_fin=None,
            cout_previsionnel=None,
        )
        departementale = factory.Trait(echelle=Echelle.DEPARTEMENT, contrat=None)

    exercice = factory.SubFactory(ExerciceFactory)
    campagne = factory.LazyAttribute(lambda a: a.exercice.campagnes.order_by("pk").first())
    echelle = Echelle.CONTRAT
    contrat = factory.SubFactory(ContratFactory, departement=factory.SelfAttribute("..exercice.departement"))
    thematique = factory.SubFactory(
        ThematiqueFactory, theme__nomenclature=factory.SelfAttribute("...exercice.nomenclature")
    )
    pilier = factory.SubFactory(PilierFactory)
    dispositif = factory.SubFactory(DispositifFactory)
    porteur = factory.SubFactory(OrganismeFactory)
    intitule = factory.Sequence(lambda n: f"Action {n}")
    date_debut = factory.LazyAttribute(lambda a: date(a.exercice.annee, 1, 1))
    date_fin = factory.LazyAttribute(lambda a: date(a.exercice.annee, 12, 31))
    cout_previsionnel = Decimal("10000.00")
    statut = StatutAction.DEPOSEE


class FinancementFactory(DjangoModelFactory):
    """Une ligne du plan ; nature et famille suivent le financeur, l'état suit l'accordé."""

    class Meta:
        model = Financement

    action = factory.SubFactory(ActionFactory)
    financeur = factory.SubFactory(FinanceurFactory)
    famille = factory.SelfAttribute("financeur.famille")
    nature = factory.LazyAttribute(lambda f: FamilleFinanceur(f.famille).nature_proposee)
    demande = Decimal("1000.00")
    etat = factory.LazyAttribute(
        lambda f: EtatFinancement.SOLLICITE if getattr(f, "accorde", None) is None else EtatFinancement.ACQUIS
    )


class DecisionFactory(DjangoModelFactory):
    """Une attribution seule : elle ne change ni le statut ni la ligne P147 (voir `action_programmee`)."""

    class Meta:
        model = Decision

    action = factory.SubFactory(ActionFactory)
    date = factory.LazyAttribute(lambda d: date(d.action.exercice.annee, 4, 15))
    nature = NatureDecision.ATTRIBUTION
    montant = Decimal("1000.00")
    enveloppe = factory.SelfAttribute("action.enveloppe")
    auteur = factory.SubFactory(UtilisateurFactory)
    porteur_nom = factory.LazyAttribute(lambda d: str(d.action.porteur))


class ActeFactory(DjangoModelFactory):
    """Un arrêté en projet pour les `decisions` que l'on donne, de leur organisme et de leur exercice."""

    class Meta:
        model = Acte
        skip_postgeneration_save = True

    nature = NatureActe.ARRETE
    objet = "Subvention de l’année"

    @classmethod
    def _create(cls, model_class, *args, decisions, **champs):
        action = decisions[0].action
        acte = super()._create(model_class, exercice=action.exercice, organisme=action.porteur.courant, **champs)
        acte.decisions.set(decisions)
        return acte


class EngagementFactory(DjangoModelFactory):
    """Un EJ de l'exercice 2026 du Calvados, du 10 mai."""

    class Meta:
        model = Engagement

    exercice = factory.SubFactory(ExerciceFactory)
    numero = factory.Sequence(lambda n: f"21{n:08d}")
    date = factory.LazyAttribute(lambda e: date(e.exercice.annee, 5, 10))


class LigneEngagementFactory(DjangoModelFactory):
    """Une ligne de 1 000 € pour une action programmée, sans rien vérifier de ce qui lui est accordé."""

    class Meta:
        model = LigneEngagement

    action = factory.LazyFunction(lambda: action_programmee())
    engagement = factory.SubFactory(EngagementFactory, exercice=factory.SelfAttribute("..action.exercice"))
    enveloppe = factory.SelfAttribute("action.enveloppe")
    ae = Decimal("1000.00")


class PaiementFactory(DjangoModelFactory):
    """Un acompte de 500 €, le 1er juin."""

    class Meta:
        model = Paiement

    ligne = factory.SubFactory(LigneEngagementFactory)
    date = factory.LazyAttribute(lambda p: date(p.ligne.engagement.exercice.annee, 6, 1))
    nature = NaturePaiement.ACOMPTE
    cp = Decimal("500.00")


def p147(action, demande=1000, accorde=None, propose=None, **champs):
    """La ligne P147 d'une action, montants en euros."""
    montants = {"demande": euros(demande), "propose": euros(propose), "accorde": euros(accorde)}
    return FinancementFactory(action=action, financeur=FinanceurFactory(p147=True), **montants | champs)


def cofinancement(action, financeur, demande=1000, accorde=None, **champs):
    """Une ligne d'un autre financeur, montants en euros."""
    montants = {"demande": euros(demande), "accorde": euros(accorde)}
    return FinancementFactory(action=action, financeur=financeur, **montants | champs)


def action_programmee(accorde=1000, demande=None, **champs):
    """Une action programmée, sa ligne P147 acquise et sa décision d'attribution, qui disent le même montant."""
    action = ActionFactory(statut=StatutAction.PROGRAMMEE, **champs)
    p147(action, accorde if demande is None else demande, accorde)
    DecisionFactory(action=action, montant=euros(accorde))
    return action


def localiser(action, cles):
    """Localise l'action dans des quartiers (dictionnaire quartier → clé), cumuls justes, dans l'ordre des quartiers."""
    ordonnees = sorted(cles.items(), key=lambda paire: paire[0].pk)
    return [
        Localisation.objects.create(
            action=action, quartier=quartier, cle=cle, cumul_avant=avant, cumul_apres=apres, cumul_total=total
        )
        for (quartier, cle), (avant, apres, total) in zip(ordonnees, cumuls([cle for _, cle in ordonnees]), strict=True)
    ]
