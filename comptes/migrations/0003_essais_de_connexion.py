from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("comptes", "0002_habilitation"),
    ]

    operations = [
        migrations.CreateModel(
            name="EssaisDeConnexion",
            fields=[
                ("empreinte", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("echecs", models.PositiveSmallIntegerField(default=1, verbose_name="échecs")),
                ("depuis", models.DateTimeField(verbose_name="premier échec le")),
            ],
            options={
                "verbose_name": "essais de connexion",
                "verbose_name_plural": "essais de connexion",
            },
        ),
    ]
