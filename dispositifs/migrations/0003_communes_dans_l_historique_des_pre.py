"""L'histoire d'un PRE garde ses communes. Celles d'avant sont inconnues : ses lignes reprennent celles d'aujourd'hui,
pour qu'un premier changement ne semble pas les ajouter toutes."""

import django.db.models.deletion
import simple_history.models
from django.db import migrations, models


def reprendre_les_communes(apps, schema_editor):
    programmes = apps.get_model("dispositifs", "ProgrammeReussiteEducative")
    lignes = apps.get_model("dispositifs", "HistoricalProgrammeReussiteEducative")
    communes_des_lignes = apps.get_model("dispositifs", "HistoricalProgrammeReussiteEducative_communes")
    for lien in programmes.communes.through.objects.order_by("pk"):
        programme = lien.programmereussiteeducative_id
        communes_des_lignes.objects.bulk_create(
            communes_des_lignes(
                id=lien.pk, history_id=ligne, programmereussiteeducative_id=programme, commune_id=lien.commune_id
            )
            for ligne in lignes.objects.filter(id=programme).values_list("history_id", flat=True)
        )


class Migration(migrations.Migration):
    dependencies = [
        ("dispositifs", "0002_abonnement_calendrier"),
        ("territoires", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="HistoricalProgrammeReussiteEducative_communes",
            fields=[
                ("id", models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name="ID")),
                ("m2m_history_id", models.AutoField(primary_key=True, serialize=False)),
                (
                    "commune",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_tablespace="",
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="territoires.commune",
                    ),
                ),
                (
                    "history",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        to="dispositifs.historicalprogrammereussiteeducative",
                    ),
                ),
                (
                    "programmereussiteeducative",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_tablespace="",
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="dispositifs.programmereussiteeducative",
                    ),
                ),
            ],
            options={
                "verbose_name": "HistoricalProgrammeReussiteEducative_communes",
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.RunPython(reprendre_les_communes, migrations.RunPython.noop),
    ]
