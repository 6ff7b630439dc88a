import shutil
import subprocess
from pathlib import Path

import pytest

RECALCULER_TOUJOURS = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load">
<prop oor:name="OOXMLRecalcMode" oor:op="fuse"><value>0</value></prop>
</item>
</oor:items>
"""


@pytest.fixture
def recalculer(tmp_path):
    """Rend le chemin d'un xlsx rouvert, recalculé et réécrit par LibreOffice, avec un profil neuf qui l'y oblige."""
    soffice = shutil.which("soffice")
    if soffice is None:
        pytest.skip("LibreOffice n’est pas installé : le recalcul des formules n’est pas vérifié.")
    profil = tmp_path / "profil"
    (profil / "user").mkdir(parents=True)
    (profil / "user" / "registrymodifications.xcu").write_text(RECALCULER_TOUJOURS)

    def convertir(chemin):
        sortie = tmp_path / "recalcule"
        options = ["--headless", "--convert-to", "xlsx", "--outdir", sortie, chemin]
        subprocess.run([soffice, f"-env:UserInstallation={profil.as_uri()}", *options], check=True, capture_output=True)
        return sortie / Path(chemin).name

    return convertir
