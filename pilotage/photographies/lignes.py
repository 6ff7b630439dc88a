"""Les lignes d'une photographie : une par action, avec son plan, ses quartiers, ses décisions, ses prévisions.

Elles n'ont que des types JSON : les montants y sont des textes en euros (« 1234.50 »), les dates en AAAA-MM-JJ.
"""

from typing import Any

from django.db.models import F

from programmation.models import Action, Decision, Exercice, Financement, Localisation, PrevisionPluriannuelle

from .contenu import en_json

CHAMPS_DE_L_ACTION = [
    "cle",
    "version",
    "intitule",
    "statut",
    "motif_statut",
    "echelle",
    "campagne_id",
    "contrat_id",
    "thematique_id",
    "pilier_id",
    "dispositif_id",
    "porteur_id",
    "enveloppe_id",
    "dossier",
    "tranche",
    "origine",
    "duree",
    "cpo_rang",
    "cpo_nombre",
    "date_debut",
    "date_fin",
    "cout_previsionnel",
    "contributions_volontaires",
    "beneficiaires_prevus",
    "beneficiaires_femmes",
    "beneficiaires_hommes",
    "beneficiaires_qpv",
]
CHAMPS_DU_FINANCEMENT = ["financeur_id", "famille", "nature", "demande", "propose", "accorde", "verse", "etat"]
CHAMPS_DE_LA_DECISION = ["date", "nature", "montant", "enveloppe_id"]

# Ce qui nomme, pour relire la photographie sans la base ; un libellé peut être corrigé sans que les chiffres bougent.
LIBELLES = {
    "campagne_intitule": F("campagne__intitule"),
    "contrat_intitule": F("contrat__intitule"),
    "thematique_code": F("thematique__code"),
    "thematique_libelle": F("thematique__libelle"),
    "pilier_code": F("pilier__code"),
    "pilier_libelle": F("pilier__libelle"),
    "dispositif_libelle": F("dispositif__libelle"),
    "enveloppe_libelle": F("enveloppe__libelle"),
    "porteur_nom": F("porteur__nom"),
    "porteur_siret": F("etablissement__siret"),
}
NOMS = {*LIBELLES, "financeur_nom", "quartier_nom"}


def lignes(exercice: Exercice) -> list[dict]:
    """Une ligne par action de l'exercice, en sept requêtes quel que soit leur nombre."""
    actions = Action.objects.filter(exercice=exercice).order_by("pk").values("pk", *CHAMPS_DE_L_ACTION, **LIBELLES)
    lies = {
        "financements": par_action(Financement, exercice, *CHAMPS_DU_FINANCEMENT, financeur_nom=F("financeur__nom")),
        "localisations": par_action(Localisation, exercice, "quartier_id", "cle", quartier_nom=F("quartier__nom")),
        "decisions": par_action(Decision, exercice, *CHAMPS_DE_LA_DECISION),
        "previsions": par_action(PrevisionPluriannuelle, exercice, "annee", "montant"),
        "piliers_transversaux": etiquettes("piliers_transversaux", exercice),
        "priorites": etiquettes("priorites", exercice),
    }
    return en_json([ligne(action, lies) for action in actions])


def ligne(action: dict[str, Any], lies: dict[str, dict[int, list]]) -> dict[str, Any]:
    pk = action.pop("pk")
    return action | {nom: par_action.get(pk, []) for nom, par_action in lies.items()}


def par_action(modele, exercice, *champs, **libelles):
    """Les lignes liées aux actions de l'exercice, groupées par action, dans l'ordre de leur création."""
    lues = modele.objects.filter(action__exercice=exercice).order_by("action_id", "pk")
    groupes = {}
    for lue in lues.values("action_id", *champs, **libelles):
        groupes.setdefault(lue.pop("action_id"), []).append(lue)
    return groupes


def etiquettes(champ, exercice):
    """Les identifiants des étiquettes de chaque action : jamais additionnées, mais lues par le tableau de bord."""
    relation = Action._meta.get_field(champ)
    colonne = f"{relation.m2m_reverse_field_name()}_id"
    lues = relation.remote_field.through.objects.filter(action__exercice=exercice).order_by("action_id", colonne)
    groupes = {}
    for action, etiquette in lues.values_list("action_id", colonne):
        groupes.setdefault(action, []).append(etiquette)
    return groupes


def sans_libelles(valeur: Any) -> Any:
    """La ligne sans ce qui nomme seulement : un porteur renommé ne change pas un exercice clos."""
    if isinstance(valeur, dict):
        return {champ: sans_libelles(v) for champ, v in valeur.items() if champ not in NOMS}
    return [sans_libelles(v) for v in valeur] if isinstance(valeur, list) else valeur
