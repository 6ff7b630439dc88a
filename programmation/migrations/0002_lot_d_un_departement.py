"""Un lot sait son département, et n'a plus toujours un exercice : une liste publiée vaut pour plusieurs années."""

from django.db import migrations, models
from django.db.models import OuterRef, Subquery


def reprendre_les_departements(apps, schema_editor):
    """Le département des lots déjà déposés est celui de leur exercice."""
    Lot, Exercice = apps.get_model("programmation", "Lot"), apps.get_model("programmation", "Exercice")
    siens = Exercice.objects.filter(pk=OuterRef("exercice")).values("departement")[:1]
    Lot.objects.filter(departement=None).update(departement=Subquery(siens))


def oublier_les_lots_sans_exercice(apps, schema_editor):
    """L'ancien schéma ne sait pas les garder : leur trace se perd, pas ce qu'ils ont écrit."""
    apps.get_model("programmation", "Lot").objects.filter(exercice=None).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("programmation", "0001_initial"),
        ("territoires", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            "lot",
            "departement",
            models.ForeignKey(
                "territoires.departement",
                models.PROTECT,
                null=True,
                related_name="lots",
                verbose_name="département",
            ),
        ),
        migrations.AlterField(
            "lot",
            "exercice",
            models.ForeignKey(
                "programmation.exercice",
                models.PROTECT,
                null=True,
                blank=True,
                related_name="lots",
                verbose_name="exercice",
            ),
        ),
        migrations.RunPython(reprendre_les_departements, oublier_les_lots_sans_exercice),
        migrations.AlterField(
            "lot",
            "departement",
            models.ForeignKey(
                "territoires.departement",
                models.PROTECT,
                related_name="lots",
                verbose_name="département",
            ),
        ),
        migrations.AddConstraint(
            "lot",
            models.CheckConstraint(
                condition=~models.Q(modele="actions") | models.Q(exercice__isnull=False),
                name="lot_d_actions_dans_un_exercice",
                violation_error_message="Des actions s’importent dans un exercice.",
            ),
        ),
    ]
