"""Le contenu d'une photographie en types JSON, et son empreinte."""

import hashlib
import json
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder


def en_json(valeur: Any) -> Any:
    """La même valeur en types JSON : ce que l'on compare est ce que la base rendra."""
    return json.loads(json.dumps(valeur, cls=DjangoJSONEncoder))


def empreinte(lignes: list[dict], synthese: dict) -> str:
    """SHA-256 du JSON canonique (clés triées, sans espace) : le même sur les deux moteurs, et d'un format à l'autre."""
    contenu = {"lignes": lignes, "synthese": synthese}
    canonique = json.dumps(contenu, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonique.encode()).hexdigest()
