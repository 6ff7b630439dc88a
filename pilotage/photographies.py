"""Ce qu'une photographie garde d'un exercice : une ligne par action, la synthèse, et leur empreinte.

Les lignes n'ont que des types JSON : les montants y sont des textes en euros (« 1234.50 »), les dates en AAAA-MM-JJ.
"""

import hashlib
import json

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import F

from programmation.models import Action, Decision, Exercice, Financement, Localisation
from programmation.synthese import Base, ChoixDeBase, sommes_par

CHAMPS_DE_L_ACTION = [
    "cle",
    "version",
    "intitule",
    "statut",
    "echelle",
    "contrat_id",
    "thematique_id",
    "pilier_id",
    "dispositif_id",
    "porteur_id",
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
    "beneficiaires_qpv",
]
CHAMPS_DU_FINANCEMENT = ["financeur_id", "famille", "nature", "demande", "propose", "accorde", "verse", "etat"]

# Ce qui nomme, pour relire la photographie sans la base ; un libellé peut être corrigé sans que les chiffres bougent.
LIBELLES = {
    "contrat_intitule": F("contrat__intitule"),
    "thematique_code": F("thematique__code"),
    "pilier_code": F("pilier__code"),
    "dispositif_libelle": F("dispositif__libelle"),
    "porteur_nom": F("porteur__nom"),
    "porteur_siret": F("etablissement__siret"),
}
NOMS = {*LIBELLES, "financeur_nom", "quartier_nom"}


def lignes(exercice: Exercice) -> list[dict]:
    """Une ligne par action de l'exercice, avec son plan, ses quartiers et ses décisions, en quatre requêtes."""
    actions = Action.objects.filter(exercice=exercice).order_by("pk").values("pk", *CHAMPS_DE_L_ACTION, **LIBELLES)
    lies = {
        "financements": par_action(Financement, exercice, *CHAMPS_DU_FINANCEMENT, financeur_nom=F("financeur__nom")),
        "localisations": par_action(Localisation, exercice, "quartier_id", "cle", quartier_nom=F("quartier__nom")),
        "decisions": par_action(Decision, exercice, "date", "nature", "montant"),
    }
    return en_json([ligne(action, lies) for action in actions])


def ligne(action, lies):
    pk = action.pop("pk")
    return action | {nom: par_action.get(pk, []) for nom, par_action in lies.items()}


def par_action(modele, exercice, *champs, **libelles):
    """Les lignes liées aux actions de l'exercice, groupées par action, dans l'ordre de leur création."""
    lues = modele.objects.filter(action__exercice=exercice).order_by("action_id", "pk")
    groupes = {}
    for lue in lues.values("action_id", *champs, **libelles):
        groupes.setdefault(lue.pop("action_id"), []).append(lue)
    return groupes


def synthese(exercice: Exercice) -> dict:
    """Les totaux P147 accordés et demandés, par pilier et par contrat ; une clé vide est l'échelle du département."""
    actions = Action.objects.filter(exercice=exercice)
    bases = {"accorde": ChoixDeBase(Base.P147_ACCORDE), "demande": ChoixDeBase(Base.P147_DEMANDE)}
    axes = {"piliers": "pilier__code", "contrats": "contrat_id", "statuts": "statut"}
    return en_json(
        {
            nom: {axe: en_lignes(sommes_par(actions, choix, champ)) for axe, champ in axes.items()}
            for nom, choix in bases.items()
        }
    )


def en_lignes(sommes):
    return {
        str(cle or ""): {"montant": somme.montant, "nombre": somme.nombre, "inconnus": somme.inconnus}
        for cle, somme in sommes.items()
    }


def en_json(valeur):
    """La même valeur en types JSON : ce que l'on compare est ce que la base rendra."""
    return json.loads(json.dumps(valeur, cls=DjangoJSONEncoder))


def sans_libelles(valeur):
    """La ligne sans ce qui nomme seulement : un porteur renommé ne change pas un exercice clos."""
    if isinstance(valeur, dict):
        return {champ: sans_libelles(v) for champ, v in valeur.items() if champ not in NOMS}
    return [sans_libelles(v) for v in valeur] if isinstance(valeur, list) else valeur


def empreinte(lignes: list[dict], synthese: dict) -> str:
    """SHA-256 du JSON canonique (clés triées, sans espace) : le même sur les deux moteurs."""
    contenu = {"lignes": lignes, "synthese": synthese}
    canonique = json.dumps(contenu, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonique.encode()).hexdigest()
