"""Un proposé tapé dans la liste, et l'effet d'une modification de deux cents actions, pour le banc."""

from itertools import count

LOT = 200


def taper_un_propose(client, adresse, exercice):
    """Le geste répété : la première action reçoit un autre proposé à chaque fois, par la requête que fait l'écran."""
    from programmation.models import Action

    pk = exercice.actions.order_by("pk").values_list("pk", flat=True)[0]
    montants = count(1_000)

    def geste():
        version = Action.objects.values_list("version", flat=True).get(pk=pk)
        cellule = {f"a{pk}": str(next(montants)), f"v{pk}": version}
        verifier(client.post(f"{adresse}?exercice={exercice.pk}", cellule, headers={"hx-request": "true"}), adresse)

    return geste


def apercevoir_un_lot(client, adresse, exercice):
    """Une autre thématique pour deux cents actions : l'effet, que rien n'enregistre."""
    from programmation.models import Thematique

    premieres = list(exercice.actions.order_by("pk")[:LOT])
    thematiques = Thematique.objects.filter(theme__nomenclature=exercice.nomenclature_id, est_actif=True)
    autre = thematiques.exclude(pk=premieres[0].thematique_id).order_by("-pk").first()
    envoi = {"action": [action.pk for action in premieres], "thematique": autre.pk}
    return lambda: verifier(client.post(adresse, envoi), adresse)


def verifier(reponse, adresse):
    if reponse.status_code != 200:
        raise SystemExit(f"{adresse} répond {reponse.status_code}.")
