"""Greffon de pytest : l'horloge de Django part de 23:30 UTC, quand il est déjà demain à Paris.

Une date prise en UTC au lieu de `timezone.localdate()` s'y trompe d'un jour. On le charge avant les modèles, qui
gardent `timezone.now` comme valeur par défaut : `PYTHONPATH=scripts python -m pytest -p horloge_23h30`.
"""

from datetime import UTC, datetime

from django.utils import timezone

maintenant = timezone.now
depart = datetime.now(UTC)
avance = depart.replace(hour=23, minute=30, second=0, microsecond=0) - depart


def now():
    return maintenant() + avance


timezone.now = now


def pytest_report_header():
    return "horloge : 23:30 UTC"
