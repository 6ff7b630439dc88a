"""L'histoire des étiquettes d'une action : leurs tables ne changent pas, chacune reçoit la sienne.

Les étiquettes d'avant y entrent à la date de la première ligne d'histoire de leur action, par la même personne.
"""

import django.db.models.deletion
import simple_history.models
from django.conf import settings
from django.db import migrations, models

LIENS = {"PilierTransversalDeLAction": "pilier_id", "PrioriteDeLAction": "prioritetransversale_id"}
PAR_LOT = 1000


def reprendre_les_etiquettes(apps, schema_editor):
    premieres = {}
    lignes = apps.get_model("programmation", "HistoricalAction").objects.order_by("history_date", "history_id")
    for action, date, auteur in lignes.values_list("id", "history_date", "history_user_id").iterator():
        premieres.setdefault(action, (date, auteur))
    for nom, colonne in LIENS.items():
        histoire = apps.get_model("programmation", f"Historical{nom}")
        liens = apps.get_model("programmation", nom).objects.order_by("pk").values_list("pk", "action_id", colonne)
        histoire.objects.bulk_create(
            [
                histoire(
                    id=pk,
                    action_id=action,
                    history_date=premieres[action][0],
                    history_user_id=premieres[action][1],
                    history_type="+",
                    **{colonne: etiquette},
                )
                for pk, action, etiquette in liens
                if action in premieres
            ],
            batch_size=PAR_LOT,
        )


def lien(nom, table, champ, vers, libelle, pluriel):
    """Le modèle d'une table de liaison qui existe déjà."""
    return migrations.CreateModel(
        name=nom,
        fields=[
            ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            (
                "action",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, to="programmation.action", verbose_name="action"
                ),
            ),
            (champ, models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=vers, verbose_name=libelle)),
        ],
        options={
            "verbose_name": pluriel[0],
            "verbose_name_plural": pluriel[1],
            "db_table": table,
            "unique_together": {("action", champ)},
        },
    )


def histoire_du_lien(nom, champ, vers, libelle, pluriel):
    def vers_un_objet(modele, verbose_name):
        return models.ForeignKey(
            blank=True,
            db_constraint=False,
            null=True,
            on_delete=django.db.models.deletion.DO_NOTHING,
            related_name="+",
            to=modele,
            verbose_name=verbose_name,
        )

    return migrations.CreateModel(
        name=f"Historical{nom}",
        fields=[
            ("id", models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name="ID")),
            ("history_id", models.AutoField(primary_key=True, serialize=False)),
            ("history_date", models.DateTimeField(db_index=True)),
            ("history_change_reason", models.TextField(null=True)),
            (
                "history_type",
                models.CharField(choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")], max_length=1),
            ),
            ("action", vers_un_objet("programmation.action", "action")),
            (
                "history_user",
                models.ForeignKey(
                    null=True,
                    on_delete=django.db.models.deletion.SET_NULL,
                    related_name="+",
                    to=settings.AUTH_USER_MODEL,
                ),
            ),
            (champ, vers_un_objet(vers, libelle)),
        ],
        options={
            "verbose_name": f"historical {pluriel[0]}",
            "verbose_name_plural": f"historical {pluriel[1]}",
            "ordering": ("-history_date", "-history_id"),
            "get_latest_by": ("history_date", "history_id"),
        },
        bases=(simple_history.models.HistoricalChanges, models.Model),
    )


PILIER = ("programmation.pilier", "pilier transversal")
PRIORITE = ("programmation.prioritetransversale", "priorité transversale")
DES_PILIERS = ("pilier transversal de l’action", "piliers transversaux des actions")
DES_PRIORITES = ("priorité de l’action", "priorités des actions")


class Migration(migrations.Migration):
    dependencies = [
        ("programmation", "0008_modeles_d_actes"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                lien(
                    "PilierTransversalDeLAction",
                    "programmation_action_piliers_transversaux",
                    "pilier",
                    *PILIER,
                    DES_PILIERS,
                ),
                lien(
                    "PrioriteDeLAction",
                    "programmation_action_priorites",
                    "prioritetransversale",
                    *PRIORITE,
                    DES_PRIORITES,
                ),
                migrations.AlterField(
                    model_name="action",
                    name="piliers_transversaux",
                    field=models.ManyToManyField(
                        blank=True,
                        related_name="actions_transversales",
                        through="programmation.PilierTransversalDeLAction",
                        to="programmation.pilier",
                        verbose_name="piliers transversaux",
                    ),
                ),
                migrations.AlterField(
                    model_name="action",
                    name="priorites",
                    field=models.ManyToManyField(
                        blank=True,
                        related_name="actions",
                        through="programmation.PrioriteDeLAction",
                        to="programmation.prioritetransversale",
                        verbose_name="priorités transversales",
                    ),
                ),
            ]
        ),
        histoire_du_lien("PilierTransversalDeLAction", "pilier", *PILIER, DES_PILIERS),
        histoire_du_lien("PrioriteDeLAction", "prioritetransversale", *PRIORITE, DES_PRIORITES),
        migrations.RunPython(reprendre_les_etiquettes, migrations.RunPython.noop),
    ]
