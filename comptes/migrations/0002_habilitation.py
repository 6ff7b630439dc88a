import django.db.models.deletion
import simple_history.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("comptes", "0001_initial"),
        ("territoires", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="HistoricalHabilitation",
            fields=[
                ("id", models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name="ID")),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("agent", "Chargé de mission"),
                            ("responsable", "Chef de service"),
                            ("delegue", "Délégué du préfet"),
                            ("lecteur", "Lecteur"),
                            ("partenaire", "Partenaire"),
                        ],
                        max_length=20,
                        verbose_name="rôle",
                    ),
                ),
                ("france_entiere", models.BooleanField(default=False, verbose_name="France entière")),
                ("du", models.DateField(blank=True, null=True, verbose_name="du")),
                ("au", models.DateField(blank=True, null=True, verbose_name="au")),
                ("history_id", models.AutoField(primary_key=True, serialize=False)),
                ("history_date", models.DateTimeField(db_index=True)),
                ("history_change_reason", models.TextField(null=True)),
                (
                    "history_type",
                    models.CharField(choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")], max_length=1),
                ),
                (
                    "contrat",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="territoires.contratdeville",
                        verbose_name="contrat",
                    ),
                ),
                (
                    "departement",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="territoires.departement",
                        verbose_name="département",
                    ),
                ),
                (
                    "history_user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "quartier",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="territoires.quartier",
                        verbose_name="quartier",
                    ),
                ),
                (
                    "utilisateur",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="utilisateur",
                    ),
                ),
            ],
            options={
                "verbose_name": "historical habilitation",
                "verbose_name_plural": "historical habilitations",
                "ordering": ("-history_date", "-history_id"),
                "get_latest_by": ("history_date", "history_id"),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name="Habilitation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("agent", "Chargé de mission"),
                            ("responsable", "Chef de service"),
                            ("delegue", "Délégué du préfet"),
                            ("lecteur", "Lecteur"),
                            ("partenaire", "Partenaire"),
                        ],
                        max_length=20,
                        verbose_name="rôle",
                    ),
                ),
                ("france_entiere", models.BooleanField(default=False, verbose_name="France entière")),
                ("du", models.DateField(blank=True, null=True, verbose_name="du")),
                ("au", models.DateField(blank=True, null=True, verbose_name="au")),
                (
                    "contrat",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="habilitations",
                        to="territoires.contratdeville",
                        verbose_name="contrat",
                    ),
                ),
                (
                    "departement",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="habilitations",
                        to="territoires.departement",
                        verbose_name="département",
                    ),
                ),
                (
                    "quartier",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="habilitations",
                        to="territoires.quartier",
                        verbose_name="quartier",
                    ),
                ),
                (
                    "utilisateur",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="habilitations",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="utilisateur",
                    ),
                ),
            ],
            options={
                "verbose_name": "habilitation",
                "ordering": ["utilisateur", "role"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("contrat", None), ("departement", None), ("france_entiere", True), ("quartier", None)
                            ),
                            models.Q(
                                ("contrat", None),
                                ("departement__isnull", False),
                                ("france_entiere", False),
                                ("quartier", None),
                            ),
                            models.Q(
                                ("contrat__isnull", False),
                                ("departement", None),
                                ("france_entiere", False),
                                ("quartier", None),
                            ),
                            models.Q(
                                ("contrat", None),
                                ("departement", None),
                                ("france_entiere", False),
                                ("quartier__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="habilitation_un_seul_territoire",
                        violation_error_message="Choisir exactement un territoire : la France entière, un département, un contrat ou un quartier.",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("du", None), ("au", None), ("au__gte", models.F("du")), _connector="OR"),
                        name="habilitation_dates_ordonnees",
                        violation_error_message="L’habilitation finit avant de commencer.",
                    ),
                ],
            },
        ),
    ]
