"""La date de dépôt des actions déjà déposées : celle que leur histoire a gardée."""

from django.db import migrations
from django.db.models import Min, OuterRef, Subquery


def reprendre_la_date_de_depot(apps, schema_editor):
    Action = apps.get_model("programmation", "Action")
    Historique = apps.get_model("programmation", "HistoricalAction")
    depots = Historique.objects.filter(id=OuterRef("pk"), statut="deposee").order_by().values("id")
    premier = depots.annotate(premier=Min("history_date")).values("premier")
    Action.objects.exclude(statut="brouillon").update(deposee_le=Subquery(premier))


class Migration(migrations.Migration):
    dependencies = [("programmation", "0004_instruire_et_decider")]

    operations = [migrations.RunPython(reprendre_la_date_de_depot, migrations.RunPython.noop)]
