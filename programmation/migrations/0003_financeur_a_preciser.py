"""Un financeur « à préciser » additionne plusieurs financeurs : il se reconnaît, et ne concourt pas au rang."""

from django.db import migrations, models


def marquer_les_financeurs(apps, schema_editor):
    """Ceux que l'import a créés : « Commune (à préciser) », pour toute la France."""
    financeurs = apps.get_model("programmation", "Financeur").objects
    financeurs.filter(nom__endswith=" (à préciser)", departement=None).update(est_a_preciser=True)


class Migration(migrations.Migration):
    dependencies = [
        ("programmation", "0002_lot_d_un_departement"),
    ]

    operations = [
        migrations.AddField(
            "financeur",
            "est_a_preciser",
            models.BooleanField(
                "à préciser",
                default=False,
                help_text="Il tient la place de plusieurs financeurs : il garde ses montants, mais n’a pas de rang.",
            ),
        ),
        migrations.RunPython(marquer_les_financeurs, migrations.RunPython.noop),
    ]
