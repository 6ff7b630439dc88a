"""Le gabarit 2024 du classeur : les feuilles, leurs colonnes et leur ordre, et ce qui s'écrit au-dessus.

Le gabarit de l'ANCT n'est pas public : celui-ci est le nôtre. Le jour où l'ANCT déplace une colonne, c'est ici (ou dans
un module d'un nouveau millésime) qu'on la déplace ; les calculs ne connaissent que les noms des champs.
"""

from collections.abc import Sequence

from dispositifs.enums import AxeEffectif
from programmation.enums import FamilleFinanceur
from programmation.models import Pilier
from programmation.synthese import ChoixDeBase
from territoires.models import ContratDeVille

from .formules import Champ, ModeleDeFeuille

VERSION = "2024.2"

VIDE = "Une cellule vide est un montant inconnu ou sans objet ; 0,00 € est un montant connu et nul."
TOTAL_FILTRE = "La ligne Total suit le filtre du tableur, quel que soit le statut des actions affichées."

# Chaque famille de financeurs a sa colonne dans Programmation ; le P147 a les siennes.
COLONNE_DE_LA_FAMILLE = {
    FamilleFinanceur.ETAT: "etat",
    FamilleFinanceur.REGION: "region",
    FamilleFinanceur.DEPARTEMENT: "departement",
    FamilleFinanceur.EPCI: "epci",
    FamilleFinanceur.COMMUNE: "commune",
    FamilleFinanceur.CAF: "caf",
    FamilleFinanceur.BAILLEUR: "bailleur",
    FamilleFinanceur.EUROPE: "europe",
    FamilleFinanceur.AUTRE_PUBLIC: "autres",
    FamilleFinanceur.PRIVE: "autres",
    FamilleFinanceur.AUTOFINANCEMENT: "autofinancement",
}


def garde(titre: str) -> ModeleDeFeuille:
    champs = (
        Champ("rubrique", "Rubrique", largeur=30),
        Champ("valeur", "Valeur", "texte_long", 90),
        Champ("alertes", "À vérifier", "entier", 12, rouge_si=(">", 0)),
    )
    return ModeleDeFeuille("Garde", champs, titre, paysage=False)


def programmation(transversaux: Sequence[Pilier]) -> ModeleDeFeuille:
    """Une ligne par action déposée ; une colonne oui/non par pilier transversal."""
    champs = (
        Champ("exercice", "Exercice", "annee", 9),
        Champ("dossier", "N° Dauphin", largeur=14),
        Champ("intitule", "Intitulé", largeur=44),
        Champ("contrat_code", "Code du contrat", largeur=12),
        Champ("contrat", "Contrat de ville", largeur=36),
        Champ("echelle", "Échelle", largeur=12),
        Champ("quartiers", "Codes des quartiers", largeur=24),
        Champ("siret", "SIRET", largeur=17),
        Champ("porteur", "Porteur", largeur=34),
        Champ("forme", "Type de porteur", largeur=20),
        Champ("theme", "Thème", largeur=28),
        Champ("thematique", "Sous-thème", largeur=34),
        Champ("pilier", "Pilier (lecture locale)", largeur=26),
        Champ("dispositif", "Dispositif", largeur=24),
        Champ("pre", "PRE", largeur=6),
        Champ("priorites", "Priorités transversales", largeur=24),
        *(Champ(f"transversal_{p.pk}", f"Transversal : {p.libelle}", largeur=18) for p in transversaux),
        Champ("origine", "Nouvelle ou reconduite", largeur=12),
        Champ("duree", "Annuelle ou CPO (tranche)", largeur=14),
        Champ("debut", "Début", "date", 12),
        Champ("fin", "Fin", "date", 12),
        Champ("cout", "Coût total", "euros", 16, total=True),
        Champ("p147_demande", "P147 demandé", "euros", 16, total=True),
        Champ("p147_propose", "P147 proposé", "euros", 16, total=True),
        Champ("p147_accorde", "P147 accordé", "euros", 16, total=True),
        Champ("bop", "BOP de l’État de droit commun", largeur=12),
        Champ("etat", "Autres crédits de l’État, demandé", "euros", 15, total=True),
        Champ("region", "Région, demandé", "euros", 15, total=True),
        Champ("departement", "Département, demandé", "euros", 15, total=True),
        Champ("epci", "EPCI, demandé", "euros", 15, total=True),
        Champ("commune", "Communes, demandé", "euros", 15, total=True),
        Champ("caf", "CAF, demandé", "euros", 15, total=True),
        Champ("bailleur", "Bailleurs, demandé", "euros", 15, total=True),
        Champ("europe", "Europe, demandé", "euros", 15, total=True),
        Champ("autres", "Autres publics et privés, demandé", "euros", 15, total=True),
        Champ("autofinancement", "Autofinancement, demandé", "euros", 15, total=True),
        Champ("desequilibre", "Plan demandé moins coût", "euros", 15, rouge_si=("!=", 0)),
        Champ("cofinancements", "Cofinancements acquis", "euros", 16, total=True),
        Champ("acquis", "Acquis, tous financeurs", "euros", 16, total=True),
        Champ("acquis_ou_annonce", "Acquis ou annoncé, tous financeurs", "euros", 16, total=True),
        Champ("part_p147", "Part P147 du coût", "pourcent", 11),
        Champ("beneficiaires", "Bénéficiaires prévus", "entier", 13),
        Champ("femmes", "dont femmes", "entier", 10),
        Champ("hommes", "dont hommes", "entier", 10),
        Champ("habitants_qpv", "dont habitants des QPV", "entier", 12),
        Champ("ej", "EJ Chorus", largeur=14),
        Champ("decision_le", "Date de décision", "date", 12),
        Champ("statut", "Statut", largeur=16),
        Champ("cle", "Clé de l’action", largeur=38, masquee=True),
        Champ("version", "Version", "entier", 9, masquee=True),
        Champ("cle_contrat", "Clé du contrat", masquee=True),
        Champ("cle_theme", "Clé du thème", masquee=True),
        Champ("cle_thematique", "Clé du sous-thème", masquee=True),
        Champ("cle_pilier", "Clé du pilier", masquee=True),
        Champ("cle_pre", "Clé du PRE", masquee=True),
    )
    notes = (
        "Toutes les actions déposées, avec leur statut ; les synthèses ne comptent que celles que dit Garde.",
        "Les colonnes « demandé » sont le plan de financement. Acquis et annoncé : hors ressources propres du porteur.",
        f"{VIDE} {TOTAL_FILTRE}",
    )
    return ModeleDeFeuille("Programmation", champs, "Programmation", notes, 3, "Programmation")


FINANCEMENTS = ModeleDeFeuille(
    "Financements",
    (
        Champ("dossier", "N° Dauphin", largeur=14),
        Champ("intitule", "Action", largeur=44),
        Champ("contrat", "Contrat de ville", largeur=36),
        Champ("statut", "Statut de l’action", "general", 16),
        Champ("pre", "PRE", largeur=6),
        Champ("financeur", "Financeur", largeur=30),
        Champ("famille", "Famille", largeur=18),
        Champ("bop", "BOP", largeur=8),
        Champ("nature", "Nature", largeur=20),
        Champ("demande", "Demandé", "euros", 16, total=True),
        Champ("propose", "Proposé", "euros", 16, total=True),
        Champ("accorde", "Accordé", "euros", 16, total=True),
        Champ("verse", "Versé", "euros", 16, total=True),
        Champ("etat", "État", largeur=12),
        Champ("date_etat", "Date du vote ou de la notification", "date", 14),
        Champ("premiere", "Première ligne du financeur dans l’action", "entier", 12, masquee=True),
        Champ("cle", "Clé de l’action", largeur=38, masquee=True),
        Champ("cle_financeur", "Clé du financeur", masquee=True),
    ),
    "Financements",
    (
        "Une ligne par ligne de plan. Accordé : la somme des décisions pour le P147 ; le vote d’un autre financeur.",
        f"{VIDE} {TOTAL_FILTRE}",
    ),
    2,
    "Financements",
)

REPARTITION = ModeleDeFeuille(
    "Répartition",
    (
        Champ("intitule", "Action", largeur=44),
        Champ("statut", "Statut de l’action", "general", 16),
        Champ("pre", "PRE", largeur=6),
        Champ("echelle", "Échelle", largeur=12),
        Champ("lieu_code", "Code du quartier", largeur=12),
        Champ("lieu", "Quartier ou échelle", largeur=32),
        Champ("repartition", "Clé de répartition", largeur=12),
        Champ("objet", "Coût ou financeur", largeur=30),
        Champ("famille", "Famille", largeur=18),
        Champ("nature", "Nature", largeur=20),
        Champ("etat", "État", largeur=12),
        Champ("cout", "Coût, part", "euros", 16, total=True),
        Champ("demande", "Demandé, part", "euros", 16, total=True),
        Champ("accorde", "Accordé, part", "euros", 16, total=True),
        Champ("cle", "Clé de l’action", largeur=38, masquee=True),
        Champ("cle_lieu", "Clé du lieu", masquee=True),
        Champ("partage", "Partagé entre quartiers", masquee=True),
    ),
    "Répartition entre les quartiers",
    (
        "Le coût et chaque financement, répartis entre les quartiers de l’action à leur clé, au centime. Une action "
        "sans quartier est à l’échelle de son contrat ou du département.",
        "Les montants s’additionnent. Le nombre d’actions par quartier ne s’additionne pas : une action sur trois "
        "quartiers y compte trois fois.",
        TOTAL_FILTRE,
    ),
    1,
    "Repartition",
)


# --- Les synthèses ---

CLE = Champ("cle", "Clé", masquee=True)  # la dernière : le titre de la feuille s'écrit dans la première colonne


def mesures(choix: ChoixDeBase) -> tuple[Champ, ...]:
    """Ce que toute synthèse dit d'une ligne, selon la base choisie."""
    montant = (Champ("montant", choix.libelle, "euros", 18),) if choix.est_un_montant else ()
    return (
        Champ("nombre", "Nombre d’actions", "entier", 10),
        *montant,
        Champ("part", "Part exacte", "pourcent", 10),
        Champ("part_affichee", "Part affichée", "pourcent", 10),
    )


def rapprochement(choix: ChoixDeBase) -> tuple[Champ, ...]:
    """La valeur de l'écran, et ce qui l'en sépare."""
    unite = "euros" if choix.est_un_montant else "entier"
    return (
        Champ("ecran", "Lu à l’écran", unite, 18),
        Champ("ecart", "Écart", unite, 12, rouge_si=("!=", 0)),
    )


def si_montant(choix: ChoixDeBase, *champs: Champ) -> tuple[Champ, ...]:
    """Ces colonnes n'ont de sens que si la base est un montant."""
    return champs if choix.est_un_montant else ()


PARTS = "Part exacte : une formule. Part affichée : arrondie au dixième, de sorte que les parts fassent 100,0 %."
PORTEURS = "Le nombre de porteurs ne s’additionne pas : un porteur peut agir sur plusieurs lignes."


def thematiques(choix: ChoixDeBase, contrats: Sequence[ContratDeVille], legende: str) -> ModeleDeFeuille:
    """Les codes officiels en lignes, les contrats en colonnes."""
    unite = "euros" if choix.est_un_montant else "entier"
    colonnes = {f"contrat-{contrat.pk}": titre for contrat, titre in zip(contrats, titres(contrats), strict=True)}
    colonnes["departement"] = "À l’échelle du département"
    champs = (
        Champ("niveau", "Niveau", largeur=12),
        Champ("code", "Code", largeur=8),
        Champ("libelle", "Libellé", largeur=44),
        *(Champ(cle, titre, unite, 18) for cle, titre in colonnes.items()),
        *mesures(choix),
        *si_montant(choix, Champ("inconnus", "Montants inconnus", "entier", 10)),
        Champ("porteurs", "Porteurs", "entier", 10),
        Champ("cofinancements", "Cofinancements acquis", "euros", 18),
        *rapprochement(choix),
        CLE,
    )
    notes = (legende, f"Un thème est la somme de ses sous-thèmes : filtrer par niveau. {PORTEURS}", PARTS)
    return ModeleDeFeuille("Thématiques", champs, "Thèmes et sous-thèmes par contrat", notes, 3)


def titres(contrats: Sequence[ContratDeVille]) -> list[str]:
    """Un titre par contrat ; deux contrats de même intitulé se distinguent par leur code."""
    intitules = [contrat.intitule for contrat in contrats]
    return [
        intitule if intitules.count(intitule) == 1 else f"{intitule} ({contrat.code or contrat.pk})"
        for contrat, intitule in zip(contrats, intitules, strict=True)
    ]


def piliers(choix: ChoixDeBase, legende: str) -> ModeleDeFeuille:
    constats = (
        Champ("constat", "Part constatée ailleurs", "pourcent", 12),
        Champ("constat_source", "Constat", largeur=34),
        Champ("ecart_points", "Écart au constat, en points", "nombre", 12),
        Champ("ecart_euros", "Écart au constat, en euros", "euros", 16),
    )
    champs = (
        Champ("niveau", "Niveau", largeur=18),
        Champ("libelle", "Pilier", largeur=44),
        *mesures(choix),
        *si_montant(choix, Champ("inconnus", "Montants inconnus", "entier", 10)),
        *(constats if choix.a_des_reperes else ()),
        *rapprochement(choix),
        CLE,
    )
    notes = (
        legende,
        "Lecture locale : le pilier est choisi par le service pour chaque action ; l’ANCT compte en thèmes.",
        "Les piliers et la ligne s’additionnent. Un pilier transversal est une étiquette : il est hors du total, et sa "
        "part se lit seule.",
        "Un constat est un ordre de grandeur publié, jamais une cible.",
        PARTS,
    )
    return ModeleDeFeuille("Piliers", champs, "Piliers (lecture locale)", notes, 2)


PAR_HABITANT = (
    Champ("millesime", "Millésime de la population", largeur=12),
    Champ("population", "Habitants des QPV", "entier", 12),
)


def contrats(choix: ChoixDeBase, legende: str) -> ModeleDeFeuille:
    champs = (
        Champ("niveau", "Niveau", largeur=14),
        Champ("code", "Code", largeur=12),
        Champ("libelle", "Contrat de ville", largeur=40),
        *mesures(choix),
        *si_montant(choix, Champ("inconnus", "Montants inconnus", "entier", 10)),
        Champ("porteurs", "Porteurs", "entier", 10),
        Champ("cofinancements", "Cofinancements acquis", "euros", 18),
        *PAR_HABITANT,
        *si_montant(choix, Champ("par_habitant", "Par habitant", "euros", 12)),
        *rapprochement(choix),
        CLE,
    )
    notes = (legende, f"{PORTEURS} Chaque quartier est compté une fois dans la population.", PARTS)
    return ModeleDeFeuille("Contrats", champs, "Contrats de ville", notes, 3)


def quartiers(choix: ChoixDeBase, legende: str) -> ModeleDeFeuille:
    champs = (
        Champ("niveau", "Niveau", largeur=14),
        Champ("code", "Code", largeur=12),
        Champ("libelle", "Quartier ou échelle", largeur=40),
        Champ("contrat", "Contrat de ville", largeur=36),
        *mesures(choix),
        *PAR_HABITANT,
        *si_montant(
            choix,
            Champ("par_habitant", "Par habitant", "euros", 12),
            Champ("reparti", "dont réparti par clé", "pourcent", 12),
            Champ("non_localise", "Non localisé dans le contrat", "euros", 18),
        ),
        *rapprochement(choix),
        CLE,
    )
    notes = (
        legende,
        "Montants : la part de chaque quartier, au centime ; quartiers et échelles redonnent le total. Le nombre "
        "d’actions, lui, ne s’additionne pas : le total compte chaque action une fois.",
        "Non localisé : ce que le contrat du quartier porte sans désigner de quartier.",
        PARTS,
    )
    return ModeleDeFeuille("Quartiers", champs, "Quartiers", notes, 3)


def financeurs(legende: str) -> ModeleDeFeuille:
    champs = (
        Champ("niveau", "Niveau", largeur=12),
        Champ("famille", "Famille", largeur=20),
        Champ("libelle", "Financeur", largeur=40),
        Champ("rang", "Rang parmi les publics", "entier", 10),
        Champ("nombre", "Nombre d’actions", "entier", 10),
        Champ("demande", "Demandé", "euros", 18),
        Champ("montant", "Acquis", "euros", 18),
        Champ("annonce", "Annoncé", "euros", 18),
        Champ("en_attente", "Lignes sans vote", "entier", 10),
        Champ("part", "Part exacte de l’acquis", "pourcent", 12),
        Champ("part_affichee", "Part affichée", "pourcent", 12),
        Champ("ecran", "Acquis lu à l’écran", "euros", 18),
        Champ("ecart", "Écart", "euros", 12, rouge_si=("!=", 0)),
        CLE,
    )
    notes = (
        legende,
        "Hors ressources propres du porteur, quelle que soit la base choisie. « — » : aucun vote connu. Le rang est "
        "provisoire tant que des lignes sont sans vote, ou d’un financeur à préciser, qui n’a pas de rang.",
        "Le nombre d’actions ne s’additionne pas : une action a plusieurs financeurs.",
        PARTS,
    )
    return ModeleDeFeuille("Financeurs", champs, "Financeurs des actions programmées", notes, 3)


# --- L'exécution ---

EXECUTION = ModeleDeFeuille(
    "Exécution",
    (
        Champ("dossier", "N° Dauphin", largeur=14),
        Champ("intitule", "Action", largeur=44),
        Champ("contrat", "Contrat de ville", largeur=36),
        Champ("porteur", "Porteur", largeur=34),
        Champ("pilier", "Pilier (lecture locale)", largeur=26),
        Champ("statut", "Statut", largeur=16),
        Champ("accorde", "P147 accordé", "euros", 16, total=True),
        Champ("ej", "EJ Chorus", largeur=24),
        Champ("engage", "Engagé (AE)", "euros", 16, total=True),
        Champ("taux", "Engagé sur accordé", "pourcent", 11),
        Champ("paye", "Payé (CP)", "euros", 16, total=True),
        Champ("reverse", "Reversé par le porteur", "euros", 16, total=True),
        Champ("reste", "Reste à payer", "euros", 16, total=True),
        Champ("justification", "Justification", largeur=20),
        Champ("due_le", "Justification due le", "date", 12),
        Champ("cle", "Clé de l’action", largeur=38, masquee=True),
    ),
    "Exécution",
    (
        "Au jour du classeur, exercice clos ou non : ces faits ne changent aucune autre feuille. Les actions "
        "programmées, et celles que l’on avait engagées avant de les déprogrammer.",
        f"Reste à payer : engagé, moins payé, plus reversé. {TOTAL_FILTRE}",
    ),
    2,
    "Execution",
)

BILAN = ModeleDeFeuille(
    "Bilan N-1",
    (
        Champ("dossier", "N° Dauphin", largeur=14),
        Champ("intitule", "Action", largeur=44),
        Champ("contrat", "Contrat de ville", largeur=36),
        Champ("porteur", "Porteur", largeur=34),
        Champ("statut", "Statut", largeur=16),
        Champ("accorde", "P147 accordé", "euros", 16, total=True),
        Champ("paye", "Payé, net", "euros", 16, total=True),
        Champ("etat", "Justification", largeur=20),
        Champ("recue_le", "Reçue le", "date", 12),
        Champ("depense", "Dépensé", "euros", 16, total=True),
        Champ("non_utilise", "P147 non utilisé", "euros", 16, total=True),
        Champ("suite", "Suite donnée", largeur=20),
        Champ("suite_le", "Suite donnée le", "date", 12),
        Champ("prevus", "Bénéficiaires prévus", "entier", 13, total=True),
        Champ("realises", "Bénéficiaires réalisés", "entier", 13, total=True),
        Champ("realisation", "Réalisés sur prévus", "pourcent", 11),
        Champ("reconduite", "Reconduite cette année", largeur=12),
        Champ("cle", "Clé de l’action", largeur=38, masquee=True),
    ),
    "Bilan de l’année précédente",
    (
        "Les actions programmées de l’exercice précédent, et ce que leurs porteurs en ont rendu au jour du classeur.",
        f"{VIDE} {TOTAL_FILTRE}",
    ),
    2,
    "BilanN1",
)

CPO = ModeleDeFeuille(
    "CPO",
    (
        Champ("dossier", "N° Dauphin", largeur=14),
        Champ("intitule", "Action", largeur=44),
        Champ("contrat", "Contrat de ville", largeur=36),
        Champ("porteur", "Porteur", largeur=34),
        Champ("pilier", "Pilier (lecture locale)", largeur=26),
        Champ("statut", "Statut", largeur=16),
        Champ("rang", "Année de la CPO", largeur=12),
        Champ("annee", "Année prévue", "annee", 10),
        Champ("prevu", "P147 prévu", "euros", 16, total=True),
        Champ("cle", "Clé de l’action", largeur=38, masquee=True),
    ),
    "Conventions pluriannuelles : engagé à venir",
    (
        "Ce que les CPO programmées prévoient pour les années d’après l’exercice. Hors de tous les totaux : seule "
        "l’année de l’exercice est ferme, et elle seule est dans Programmation.",
        TOTAL_FILTRE,
    ),
    2,
    "CPO",
)


# --- Les dispositifs ---


def cases(axe: AxeEffectif) -> tuple[Champ, ...]:
    """Une colonne par case d'un axe ; leur nom dit l'axe, que deux axes nomment « Santé »."""
    titres = zip(axe.modalites, axe.libelles, strict=True)
    return tuple(Champ(f"{axe}-{code}", f"{axe.label} : {libelle}", "entier", 12) for code, libelle in titres)


PRE = ModeleDeFeuille(
    "PRE",
    (
        Champ("programme", "Programme", largeur=36),
        Champ("contrat_code", "Code du contrat", largeur=12),
        Champ("contrat", "Contrat de ville", largeur=36),
        Champ("communes", "Communes", largeur=28),
        Champ("porteur", "Structure porteuse", largeur=32),
        Champ("nature", "Nature du porteur", largeur=20),
        Champ("enfants_suivis", "Enfants suivis", "entier", 11, total=True),
        Champ("nouveaux", "dont nouveaux", "entier", 11, total=True),
        Champ("sortis", "dont sortis", "entier", 11, total=True),
        Champ("parcours_individualises", "Parcours individualisés", "entier", 14, total=True),
        Champ("en_qpv", "dont habitants des QPV", "entier", 12, total=True),
        *cases(AxeEffectif.AGE_ET_SEXE),
        *cases(AxeEffectif.PRESCRIPTEUR),
        *cases(AxeEffectif.DOMAINE),
        Champ("duree_moyenne", "Durée moyenne d’un parcours, en mois", "entier", 12),
        Champ("reunions", "Réunions de l’équipe de soutien", "entier", 12),
        Champ("etp_coordonnateur", "ETP de coordonnateur", "nombre", 12),
        Champ("etp_referents", "ETP de référents de parcours", "nombre", 12),
        Champ("budget", "Budget du bilan", "euros", 16, total=True),
        Champ("budget_p147", "dont P147, selon le bilan", "euros", 16, total=True),
        Champ("par_enfant", "Coût par enfant", "euros", 12),
        Champ("p147", "P147 accordé aux actions liées", "euros", 16, total=True),
        Champ("convention_recue_le", "Convention reçue le", "date", 12),
        Champ("bilan_recu_le", "Bilan reçu le", "date", 12),
        Champ("cle", "Clé du PRE", masquee=True),
    ),
    "Programmes de réussite éducative",
    (
        "Des agrégats seulement. « n. c. » : non communiqué, moins de cinq enfants ou un nombre qui permettrait de les "
        "retrouver. Vide : non renseigné. Le total d’un effectif est la somme de ce qui est montré.",
        "Le P147 des actions liées est déjà dans Programmation : il n’est compté qu’une fois. Le budget du bilan n’est "
        "ajouté à aucun total.",
    ),
    1,
    "FeuillePRE",
)

ANCT = "Publié par l’ANCT : recopié de sa liste, jamais ajouté à nos calculs."
HORS_ENVELOPPE = "Hors de l’enveloppe et des parts des piliers."

ADULTES_RELAIS = ModeleDeFeuille(
    "Adultes-relais",
    (
        Champ("numero", "Poste", largeur=14),
        Champ("employeur", "Employeur", largeur=36),
        Champ("categorie", "Catégorie d’employeur", largeur=28),
        Champ("contrat_code", "Code du contrat", largeur=12),
        Champ("contrat", "Contrat de ville", largeur=36),
        Champ("quartiers", "Codes des quartiers", largeur=24),
        Champ("convention", "N° de convention", largeur=15),
        Champ("debut", "Début de la convention", "date", 12),
        Champ("fin", "Fin de la convention", "date", 12),
        Champ("quotite", "Quotité", "pourcent", 10),
        Champ("jours_conventionnes", "Jours conventionnés", "entier", 12, total=True),
        Champ("jours_occupes", "dont pourvus", "entier", 11, total=True),
        Champ("jours_vacants", "dont vacants", "entier", 11, total=True),
        Champ("jours_non_renseignes", "dont non renseignés", "entier", 12, total=True),
        Champ("conventionne", "Coût théorique", "euros", 16, total=True),
        Champ("occupe", "Coût des jours pourvus", "euros", 16, total=True),
        Champ("vacant", "Coût des jours vacants", "euros", 16, total=True),
        Champ("non_renseigne", "Coût des jours non renseignés", "euros", 16, total=True),
        Champ("raison", "Pourquoi un montant manque", "texte_long", 36),
        Champ("publie", "Publié par l’ANCT", "euros", 16, total=True),
        Champ("publications", "Lignes publiées", "entier", 10, total=True),
        Champ("cle", "Clé du poste", masquee=True),
    ),
    "Postes adultes-relais",
    (
        "Les postes conventionnés dans l’année, ou publiés par l’ANCT. Coût théorique : selon la convention, au "
        "prorata des jours et de la quotité. L’occupation d’une année en cours se compte jusqu’au jour du classeur.",
        f"{ANCT} {HORS_ENVELOPPE} Rien sur la personne qui occupe le poste.",
    ),
    1,
    "AdultesRelais",
)

FONJEP = ModeleDeFeuille(
    "FONJEP",
    (
        Champ("numero", "Poste", largeur=14),
        Champ("employeur", "Association", largeur=36),
        Champ("contrat_code", "Code du contrat", largeur=12),
        Champ("contrat", "Contrat de ville", largeur=36),
        Champ("quartiers", "Codes des quartiers", largeur=24),
        Champ("debut", "Début de la période", "date", 12),
        Champ("fin", "Fin de la période", "date", 12),
        Champ("rang", "Rang de reconduction", "entier", 12),
        Champ("evaluation_attendue_le", "Évaluation attendue le", "date", 12),
        Champ("evaluation_recue_le", "Évaluation reçue le", "date", 12),
        Champ("jours_conventionnes", "Jours conventionnés", "entier", 12, total=True),
        Champ("conventionne", "Coût théorique", "euros", 16, total=True),
        Champ("raison", "Pourquoi un montant manque", "texte_long", 36),
        Champ("publie", "Publié par l’ANCT", "euros", 16, total=True),
        Champ("publications", "Lignes publiées", "entier", 10, total=True),
        Champ("cle", "Clé du poste", masquee=True),
    ),
    "Postes FONJEP",
    ("Les postes dont une période couvre l’année, ou publiés par l’ANCT.", f"{ANCT} {HORS_ENVELOPPE}"),
    1,
    "PostesFonjep",
)


CONTROLES = ModeleDeFeuille(
    "Contrôles",
    (
        Champ("nature", "Nature", largeur=16),
        Champ("libelle", "Contrôle", largeur=52),
        Champ("lieu_a", "Lu dans", largeur=16),
        Champ("lieu_b", "Comparé à", largeur=16),
        Champ("a", "Total lu", "euros", 18),
        Champ("b", "Total comparé", "euros", 18),
        Champ("ecart", "Écart", "euros", 14, rouge_si=("!=", 0)),
        Champ("anomalies", "Anomalies", "entier", 11, rouge_si=(">", 0)),
        Champ("ou", "Où regarder", "texte_long", 60),
    ),
    "Contrôles",
    (
        "Rapprochement : les deux totaux doivent être égaux, au centime ; sinon la ligne dit où regarder.",
        "Cohérence : combien d’actions un contrôle relève. Une anomalie n’empêche pas d’envoyer le classeur.",
        "Dépassement : ce qu’une décision accorde au-delà du disponible de son enveloppe ou de sa mère, et son motif.",
    ),
    2,
)
