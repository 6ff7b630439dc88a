"""Un scénario de mille actions à décider, pour le banc : le créer, l'afficher, y changer un montant, le promouvoir."""

from itertools import count

ACTIONS, PROMUES = 1_000, 500
LIBELLE = "Scénario du banc"


def preparer_l_exercice(exercice) -> None:
    """Toutes ses actions redeviennent à décider, avec un montant proposé : ce qu'un service a avant son comité."""
    from django.db.models import QuerySet

    from programmation.enums import EtatFinancement, StatutAction
    from programmation.models import Action, Decision, Financement

    QuerySet(Decision).filter(action__exercice=exercice).delete()  # celui du modèle refuse, et il a raison
    exercice.actions.update(statut=StatutAction.INSTRUITE, motif_statut="")
    siennes = Financement.objects.p147().filter(action__in=Action.objects.filter(exercice=exercice).values("pk"))
    siennes.update(etat=EtatFinancement.SOLLICITE, accorde=None, date_etat=None)
    for ligne in siennes:
        ligne.propose = ligne.demande
    Financement.objects.bulk_update(siennes, ["propose"], batch_size=500)


def creer(exercice, par, nom=LIBELLE):
    from programmation import operations

    return operations.creer_un_scenario(exercice, nom, par=par)


def garder_les_premieres(scenario, nombre: int) -> None:
    """Les autres actions n'ont plus de montant : elles sont laissées à décider."""
    gardees = list(scenario.propositions.order_by("pk").values_list("pk", flat=True)[:nombre])
    scenario.propositions.exclude(pk__in=gardees).update(montant=None)


def changer_un_montant(client, adresse, scenario):
    """Le geste répété : la première action reçoit un autre montant à chaque fois, par la requête que fait l'écran."""
    action = scenario.propositions.order_by("pk").values_list("action", flat=True)[0]
    montants = count(1_000)

    def geste():
        envoi = {f"a{action}": str(next(montants)), "empreinte": "0"}
        reponse = client.post(adresse, envoi, headers={"hx-request": "true"})
        if reponse.status_code != 200:
            raise SystemExit(f"{adresse} répond {reponse.status_code}.")

    return geste
