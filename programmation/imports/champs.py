"""Les champs d'une action dans un fichier, avec les en-têtes sous lesquels on les rencontre.

En-têtes : nos exports, les colonnes de programmation proposées à l'ANCT, et ceux des extractions GISPRO et Subventia
lus dans les dépôts publics de l'ANCT. L'en-tête d'une extraction de Dauphin n'est publié nulle part : il se règle dans
la correspondance de colonnes, rien n'est codé en dur.
"""

from collections.abc import Iterable
from typing import Any

from politique_ville.outils.recherche import normaliser
from politique_ville.outils.tableur.champs import (
    Champ,
    Option,
    choix,
    date_du_jour,
    entier,
    siret,
    texte,
)

from ..enums import (
    Echelle,
    EtatFinancement,
    FamilleFinanceur,
    FormeOrganisme,
    NatureFinancement,
    Origine,
    StatutAction,
)
from .cellules import cle, dossier, duree, euros_ou_rien, liste_de, liste_de_quartiers, rapide, siren
from .references import References

LONGUEUR_INTITULE, LONGUEUR_NOM, LONGUEUR_TEXTE = 250, 200, 20_000
FAMILLE, FINANCEUR, LIGNE = "famille_", "financeur_", "ligne_"  # préfixes des champs de financement
GROUPES = {
    "L’action": (),
    "Le porteur": ("siret", "siren", "porteur", "forme"),
    "Une colonne par financeur": ("demande_p147", "propose_p147", "accorde_p147", FAMILLE, FINANCEUR),
    "Une ligne par financement": (LIGNE,),
}


def groupe(champ: Champ) -> str:
    """Le groupe sous lequel le champ se propose dans une liste de choix."""
    trouves = (titre for titre, debuts in GROUPES.items() if champ.nom.startswith(debuts))
    return next(trouves, "L’action")


def champs(references: References) -> list[Champ]:
    """Tous les champs ; un en-tête qui répond à deux d'entre eux va au premier."""
    return [
        *champs_de_l_action(references),
        *champs_du_porteur(),
        *champs_du_plan(references),
        *champs_d_une_ligne(references),
    ]


def champs_de_l_action(references: References) -> list[Champ]:
    return [
        Champ("cle", "Clé", cle, ("Clé de l’action",), aide="Celle de nos exports, telle quelle."),
        Champ("version", "Version", entier(1), aide="Celle de nos exports : elle révèle un conflit."),
        Champ(
            "dossier",
            "Dossier Dauphin",
            dossier,
            (
                "N° Dauphin",
                "N° de dossier",
                "N° de dossier Dauphin",
                "Dossier",
                "Code dossier",
                "Code action",
                "Référence Dauphin",
                "Référence administrative",
                "Référence administrative - Demande",
                "Action de demande - Code dossier",
                "Action - Code dossier",
                "Numéro De l'Action Prj",
            ),
            aide="Huit chiffres, et la tranche annuelle si elle suit : DA00054562-01.",
        ),
        Champ("tranche", "Tranche du dossier", entier(1, 99), ("Tranche",)),
        Champ(
            "intitule",
            "Intitulé",
            texte(LONGUEUR_INTITULE),
            ("Intitulé de l’action", "Intitulé du projet", "Libellé de l’action", "Nom de l’action", "Titre", "Action"),
            aide="Obligatoire pour créer.",
        ),
        Champ(
            "contrat",
            "Contrat de ville",
            rapide(choix(options_de_contrats(references))),
            ("Code contrat", "Contrat", "Code du contrat de ville"),
            aide="Son nom ou son code ANCT ; « Département » pour une action à cette échelle. Obligatoire pour créer.",
        ),
        Champ("echelle", "Échelle", rapide(choix(ECHELLES)), aide="Contrat (par défaut) ou département."),
        Champ(
            "quartiers",
            "Quartiers",
            liste_de_quartiers,
            ("Codes QPV", "Code QPV", "QPV", "Quartier", "Quartiers prioritaires"),
            aide="Noms ou codes séparés par « ; », avec une clé de répartition facultative : Centre:2 ; Les Tours:1.",
        ),
        Champ(
            "thematique",
            "Thématique",
            rapide(choix(_options(references.thematiques))),
            ("Sous-thème", "Code sous-thème", "Code thématique", "Sous-thématique", "Thème"),
            aide="Code ou libellé de la nomenclature de l’exercice.",
        ),
        Champ(
            "pilier",
            "Pilier",
            rapide(choix(options_de_piliers(references.piliers))),
            aide="Vide : celui que propose la correspondance de la thématique.",
        ),
        Champ("dispositif", "Dispositif", rapide(choix(_options(references.dispositifs)))),
        Champ(
            "origine",
            "Origine",
            rapide(choix(ORIGINES)),
            ("Nouvelle ou reconduite", "Nouvelle/reconduite", "Reconduction"),
        ),
        Champ(
            "duree",
            "Durée",
            duree,
            ("Annuelle ou CPO", "Annuelle/CPO", "Annuelle/CPO (tranche n/N)", "Pluriannualité"),
            aide="« Annuelle », ou « CPO 2/3 » pour la deuxième année de trois.",
        ),
        Champ("date_debut", "Début", date_du_jour, titres_de_date("début")),
        Champ("date_fin", "Fin", date_du_jour, titres_de_date("fin")),
        Champ(
            "cout_previsionnel",
            "Coût prévisionnel",
            euros_ou_rien,
            ("Coût total", "Coût", "Coût de l’action", "Coût du projet", "Budget", "Budget total", "Total des charges"),
        ),
        Champ(
            "contributions_volontaires",
            "Contributions volontaires",
            euros_ou_rien,
            ("Contributions volontaires en nature", "Valorisations"),
        ),
        Champ(
            "beneficiaires_prevus",
            "Bénéficiaires prévus",
            entier(),
            ("Nombre de bénéficiaires", "Nombre de bénéficiaires prévus", "Bénéficiaires"),
        ),
        Champ("beneficiaires_femmes", "Bénéficiaires femmes", entier(), ("Dont femmes", "Femmes")),
        Champ("beneficiaires_hommes", "Bénéficiaires hommes", entier(), ("Dont hommes", "Hommes")),
        Champ(
            "beneficiaires_qpv",
            "Bénéficiaires QPV",
            entier(),
            ("Dont QPV", "Dont habitants des QPV", "Habitants des QPV"),
        ),
        Champ("priorites", "Priorités transversales", liste_de(choix(_options(references.priorites))), ("Priorités",)),
        Champ(
            "piliers_transversaux",
            "Piliers transversaux",
            liste_de(choix(options_de_piliers(references.piliers_transversaux))),
            ("Pilier transversal",),
        ),
        Champ("description", "Description", texte(LONGUEUR_TEXTE), ("Descriptif", "Résumé")),
        Champ("objectifs", "Objectifs", texte(LONGUEUR_TEXTE), ("Objectif",)),
        Champ(
            "statut",
            "Statut",
            rapide(choix(STATUTS)),
            ("Statut de l’action", "Statut du dossier", "État du dossier", "Statut - Dossier de financement"),
            aide="« Brouillon » ou « Déposée » ; une décision s’enregistre à l’écran.",
        ),
    ]


def champs_du_porteur() -> list[Champ]:
    return [
        Champ(
            "siret",
            "SIRET",
            siret,
            ("Code SIRET", "N° SIRET", "SIRET du porteur", "SIRET - Demandeur", "Code tiers"),
            aide="Un porteur inconnu est créé.",
        ),
        Champ("siren", "SIREN", siren, ("N° SIREN", "SIREN du porteur")),
        Champ(
            "porteur",
            "Porteur",
            texte(LONGUEUR_NOM),
            (
                "Nom du porteur",
                "Nom de la structure",
                "Raison sociale",
                "Organisme",
                "Structure",
                "Association",
                "Demandeur",
                "Bénéficiaire de la subvention",
            ),
        ),
        Champ("forme", "Type de porteur", rapide(choix(FORMES)), ("Forme juridique", "Forme", "Type de tiers")),
    ]


def champs_du_plan(references: References) -> list[Champ]:
    """Une colonne par financeur ou par famille : ce qui lui est demandé, en euros."""
    jamais = "N’est pas importé : une décision s’enregistre à l’écran."
    return [
        Champ("demande_p147", "Demandé P147", euros_ou_rien, ("P147 demandé", "Demandé ANCT", "Montant demandé P147")),
        Champ("propose_p147", "Proposé P147", euros_ou_rien, ("P147 proposé", "Proposé ANCT", "Montant proposé P147")),
        Champ(
            "accorde_p147", "Accordé P147", str, ("P147 accordé", "Accordé ANCT", "Montant accordé P147"), aide=jamais
        ),
        *(
            Champ(f"{FINANCEUR}{f.pk}", f.nom, euros_ou_rien, (f"Demandé {f.nom}",))
            for f in references.financeurs
            if f.famille != FamilleFinanceur.ANCT_P147
        ),
        *(
            Champ(f"{FAMILLE}{famille}", titres[0], euros_ou_rien, (*titres[1:], f"Demandé {famille.label}"))
            for famille, titres in TITRES_DES_FAMILLES.items()
        ),
    ]


def champs_d_une_ligne(references: References) -> list[Champ]:
    """Une ligne par financement : le financeur, et ce qui lui est demandé, ce qu'il propose et accorde."""
    return [
        Champ(
            f"{LIGNE}financeur", "Financeur", rapide(choix(options_de_financeurs(references))), ("Nom du financeur",)
        ),
        Champ(f"{LIGNE}nature", "Nature du financement", rapide(choix(_libelles(NatureFinancement))), ("Nature",)),
        Champ(
            f"{LIGNE}demande",
            "Montant demandé",
            euros_ou_rien,
            ("Demandé", "Montant sollicité", "Sollicité", "Subvention demandée"),
        ),
        Champ(f"{LIGNE}propose", "Montant proposé", euros_ou_rien, ("Proposé",)),
        Champ(f"{LIGNE}etat", "État du financement", rapide(choix(ETATS)), ("État",)),
        Champ(f"{LIGNE}accorde", "Montant accordé", euros_ou_rien, ("Accordé", "Montant voté", "Voté")),
        Champ(f"{LIGNE}date_etat", "Date de l’état", date_du_jour, ("Date du vote", "Date de délibération")),
    ]


def titres_de_date(borne: str) -> tuple[str, ...]:
    return f"Date de {borne}", f"{borne} de l’action", f"Date de {borne} de réalisation"


# --- Les valeurs d'un référentiel ---


def _options(objets: Iterable[Any]) -> list[Option]:
    return [Option(objet, objet.libelle, objet.code) for objet in objets]


def _libelles(enumeration, synonymes=None) -> list[Option]:
    synonymes = synonymes or {}
    return [Option(v, v.label, synonymes=(v.value.replace("_", " "), *synonymes.get(v, ()))) for v in enumeration]


def options_de_piliers(piliers) -> list[Option]:
    return [Option(p, p.libelle, synonymes=(p.code, p.libelle_court)) for p in piliers]


def options_de_contrats(references: References) -> list[Option]:
    """Le contrat en vigueur porte seul son intitulé, en entier, en court (« Caen la mer ») ou par son EPCI ; un contrat
    de l'autre génération, souvent de même intitulé, se désigne par son code."""
    annee = references.exercice.annee
    options = [Option(Echelle.DEPARTEMENT, "Département", synonymes=("Échelle du département",))]
    for contrat in references.contrats:
        if contrat.couvre(annee):
            courts = (contrat.nom_court, contrat.intercommunalite.nom)
            options.append(Option(contrat, contrat.intitule, contrat.code or "", courts))
        else:
            options.append(Option(contrat, f"{contrat.intitule} {contrat.generation}", contrat.code or ""))
    return options


def options_de_financeurs(references: References) -> list[Option]:
    """Les financeurs par leur nom, puis les familles par leurs titres de colonne."""
    financeurs = [Option(f, f.nom) for f in references.financeurs]
    pris = {normaliser(f.nom) for f in references.financeurs}
    etat = f"{references.exercice.departement.code}-ETAT-POLITIQUE-VILLE"  # écriture de Dauphin
    titres = TITRES_DES_FAMILLES | {
        FamilleFinanceur.ANCT_P147: ("ANCT P147", "ANCT", "P147", "Politique de la ville", etat)
    }
    familles = [
        Option(famille, noms[0], synonymes=tuple(nom for nom in noms[1:] if normaliser(nom) not in pris))
        for famille, noms in titres.items()
        if normaliser(noms[0]) not in pris
    ]
    return financeurs + familles


TITRES_DES_FAMILLES = {
    FamilleFinanceur.ETAT: (
        "Autres crédits État",
        "Autres crédits État (BOP)",
        "Autres crédits de l’État",
        "État",
        "État droit commun",
    ),
    FamilleFinanceur.REGION: ("Région", "Conseil régional"),
    FamilleFinanceur.DEPARTEMENT: ("Département", "Conseil départemental"),
    FamilleFinanceur.EPCI: ("EPCI", "Intercommunalité", "Communauté d’agglomération", "Communauté urbaine"),
    FamilleFinanceur.COMMUNE: ("Communes", "Commune", "Ville", "Villes"),
    FamilleFinanceur.CAF: ("CAF", "Caisse d’allocations familiales"),
    FamilleFinanceur.BAILLEUR: ("Bailleurs", "Bailleur", "Bailleurs sociaux"),
    FamilleFinanceur.EUROPE: ("Europe", "Fonds européens", "Union européenne"),
    FamilleFinanceur.AUTRE_PUBLIC: ("Autres", "Autres financeurs", "Autres publics", "Autre public"),
    FamilleFinanceur.PRIVE: ("Privé", "Financements privés", "Fondations", "Mécénat"),
    FamilleFinanceur.AUTOFINANCEMENT: ("Autofinancement", "Ressources propres", "Fonds propres"),
}
ECHELLES = _libelles(
    Echelle,
    {Echelle.CONTRAT: ("cdv", "QPV", "quartier", "contrat"), Echelle.DEPARTEMENT: ("dep", "départementale")},
)
ORIGINES = _libelles(
    Origine,
    {
        Origine.NOUVELLE: ("nouveau", "N", "première demande"),
        Origine.RECONDUITE: ("reconduction", "renouvellement", "R"),
    },
)
STATUTS = _libelles(
    StatutAction,
    {
        StatutAction.BROUILLON: ("En cours de saisie",),
        # Regroupement « En instruction » des libellés de Dauphin (dauphin-dto.mapper.ts, Data.Subvention).
        StatutAction.DEPOSEE: ("Transmise", "En attente d’instruction", "Prise en charge", "Recevable"),
    },
)
ETATS = _libelles(
    EtatFinancement,
    {
        EtatFinancement.SOLLICITE: ("Demandé", "Transmise", "Prise en charge", "Recevable"),
        EtatFinancement.ACQUIS: ("Voté", "Votée", "Accordé"),
        EtatFinancement.REFUSE: ("Non recevable", "Rejeté"),
    },
)
FORMES = _libelles(FormeOrganisme, {FormeOrganisme.CCAS: ("CIAS",), FormeOrganisme.EPLE: ("Collège", "Lycée")})
