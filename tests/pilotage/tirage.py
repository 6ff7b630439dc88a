"""Un exercice tiré au hasard, toujours le même pour une graine : de quoi mettre les formules à l'épreuve.

Centimes, plusieurs contrats, quartiers à clés, montants inconnus, et des noms que SUMIFS pourrait confondre ou prendre
pour des jokers.
"""

from datetime import date
from decimal import Decimal
from random import Random

from programmation.enums import EtatFinancement, FamilleFinanceur, NatureFinancement, StatutAction
from programmation.models import Exercice
from tests.fabriques import (
    ActionFactory,
    ContratFactory,
    DecisionFactory,
    DepartementFactory,
    DispositifFactory,
    EtablissementFactory,
    ExerciceFactory,
    FinancementFactory,
    FinanceurFactory,
    OrganismeFactory,
    PilierFactory,
    PrioriteFactory,
    QuartierFactory,
    RepereFactory,
    ThematiqueFactory,
    ThemeFactory,
    localiser,
)

INTITULES = ["Caen la mer", "Lisieux *", "Contrat ?", "=Vire", "1.10", "1.1"]
CODES = {"1": ["1.1", "1.10", "1.2"], "2": ["2.1"], "10": ["10.1"]}
STATUTS = [StatutAction.PROGRAMMEE] * 4 + [statut for statut in StatutAction if statut != StatutAction.BROUILLON]


def tirer(graine: int, nombre: int, annee: int = 2026) -> Exercice:
    """Écrit un exercice de `nombre` actions déposées, et un brouillon que le classeur ne montre pas."""
    hasard = Random(graine)
    exercice = ExerciceFactory(annee=annee)
    choix = tirer_le_sol(hasard, exercice) | tirer_le_cadre()
    for rang in range(nombre):
        tirer_une_action(hasard, exercice, choix, rang)
    ActionFactory(exercice=exercice, contrat=choix["contrats"][0], brouillon=True)
    return exercice


def tirer_le_sol(hasard, exercice):
    contrats = [
        ContratFactory(intitule=intitule, code=None if rang == 1 else f"CN{rang}", departement=exercice.departement)
        for rang, intitule in enumerate(INTITULES)
    ]
    quartiers = {
        contrat: [QuartierFactory(contrat=contrat, population=hasard.randrange(700, 9000)) for _ in range(3)]
        for contrat in contrats[:-1]
    }
    quartiers[contrats[-1]] = []  # un contrat sans quartier
    return {"contrats": contrats, "quartiers": quartiers}


def tirer_le_cadre():
    familles = [famille for famille in FamilleFinanceur if famille != FamilleFinanceur.ANCT_P147]
    noms = ["Ville *", "<5", "00236035", "236035", *(f"Financeur {rang}" for rang in range(7))]
    piliers = [PilierFactory(code=f"pilier-{rang}", ordre=rang) for rang in range(4)]
    for pilier, part in zip(piliers, ("80.0", "2.5"), strict=False):
        RepereFactory(pilier=pilier, part=Decimal(part), departement=DepartementFactory(code="30"))
    return {
        "thematiques": [
            ThematiqueFactory(theme=ThemeFactory(code=theme, libelle=f"Thème {theme}"), code=code)
            for theme, codes in CODES.items()
            for code in codes
        ],
        "piliers": piliers,
        "valeurs": PilierFactory(transversal=True),
        "dispositifs": [DispositifFactory(), DispositifFactory(), DispositifFactory(pre=True)],
        "p147": FinanceurFactory(p147=True),
        "financeurs": [FinanceurFactory(nom=nom, famille=famille) for nom, famille in zip(noms, familles, strict=True)],
        "porteurs": [EtablissementFactory(organisme=OrganismeFactory()) for _ in range(6)],
        "priorites": [PrioriteFactory(code=code) for code in ("jeunesse", "egalite")],
    }


def tirer_une_action(hasard, exercice, choix, rang):
    statut = STATUTS[rang] if rang < len(STATUTS) else hasard.choice(STATUTS)
    porteur = hasard.choice(choix["porteurs"])
    lieu = {"departementale": True} if rang % 9 == 8 else {"contrat": hasard.choice(choix["contrats"])}
    action = ActionFactory(
        exercice=exercice,
        statut=statut,
        thematique=hasard.choice(choix["thematiques"]),
        pilier=hasard.choice(choix["piliers"]),
        dispositif=hasard.choice(choix["dispositifs"]),
        porteur=porteur.organisme,
        etablissement=hasard.choice([porteur, None]),
        dossier=f"{rang:08d}",
        tranche=hasard.choice([None, 1]),
        cout_previsionnel=montant(hasard),
        date_debut=date(exercice.annee, 1, 1 + rang % 28),
        **lieu,
    )
    if hasard.random() < 0.3:
        action.piliers_transversaux.add(choix["valeurs"])
        action.priorites.add(*choix["priorites"])
    localiser_au_hasard(hasard, action, choix["quartiers"])
    tirer_le_plan(hasard, action, choix)


def localiser_au_hasard(hasard, action, quartiers):
    possibles = quartiers.get(action.contrat, [])
    nombre = hasard.choice([0, 1, 2, 3]) if possibles else 0
    if nombre:
        localiser(action, {quartier: hasard.randrange(1, 8) for quartier in hasard.sample(possibles, nombre)})


def tirer_le_plan(hasard, action, choix):
    """Le P147 (une fois sur dix, absent), et quelques financeurs dans tous les états."""
    if hasard.random() < 0.9:
        acquis = action.statut == StatutAction.PROGRAMMEE
        accorde = montant(hasard) if acquis else None
        FinancementFactory(action=action, financeur=choix["p147"], demande=ou_inconnu(hasard), accorde=accorde)
        if acquis:
            DecisionFactory(action=action, montant=accorde)
    for financeur in hasard.sample(choix["financeurs"], hasard.randrange(4)):
        etat = hasard.choice(list(EtatFinancement))
        accorde = {EtatFinancement.SOLLICITE: None, EtatFinancement.REFUSE: Decimal(0)}.get(etat, montant(hasard))
        ligne = {"action": action, "financeur": financeur, "etat": etat, "accorde": accorde}
        FinancementFactory(**ligne, demande=ou_inconnu(hasard))
        if hasard.random() < 0.2:  # le même financeur, à un autre titre
            FinancementFactory(**ligne, demande=ou_inconnu(hasard), nature=NatureFinancement.SPECIFIQUE)


def montant(hasard) -> Decimal:
    return Decimal(hasard.randrange(1, 9_000_000)) / 100


def ou_inconnu(hasard) -> Decimal | None:
    return None if hasard.random() < 0.15 else montant(hasard)
