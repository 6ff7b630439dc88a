"""Cinquante lettres d'accord, pour le banc : les télécharger en un seul PDF, ou en zip, par l'écran."""

LETTRES = 50


def preparer_les_lettres(exercice, nombre):
    """`nombre` actions décidées de l'exercice, leurs porteurs avec une adresse ; rend leurs identifiants."""
    from programmation.enums import NatureDecision, StatutAction
    from programmation.models import Decision, Organisme

    attribuees = Decision.objects.filter(nature=NatureDecision.ATTRIBUTION, action__exercice=exercice)
    programmees = attribuees.filter(action__statut=StatutAction.PROGRAMMEE).order_by("action_id")
    ids = list(dict.fromkeys(programmees.values_list("action", flat=True)))[:nombre]
    porteurs = Organisme.objects.filter(actions__in=ids).order_by().values("pk")
    adresse = {"adresse": "3, rue de l’Exemple", "code_postal": "14999", "ville": "Exemple"}
    Organisme.objects.filter(pk__in=porteurs).update(**adresse)
    return ids


def telecharger(client, adresse, actions, format):
    """Le geste à chronométrer ; s'arrête si la réponse n'est pas le fichier."""
    from programmation.models import ModeleDeCourrier

    modele = ModeleDeCourrier.objects.filter(nature="accord").order_by("pk").first()
    donnees = {"action": actions, "modele": modele.pk, "le": "2026-05-04", "format": format}

    def geste():
        reponse = client.post(adresse, donnees)
        if "attachment" not in reponse.headers.get("Content-Disposition", ""):
            raise SystemExit(f"{adresse} répond {reponse.status_code}, sans fichier.")

    return geste
