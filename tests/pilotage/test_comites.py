"""Terminer un comité et son relevé : à l'écran, en PDF, en classeur, en photographie, les mêmes nombres."""

import io
import re
import shutil
import subprocess
from datetime import date
from decimal import Decimal

import openpyxl
import pytest

from comptes.enums import Role
from pilotage.exports.releve import ReleveEnClasseur, releve_en_html
from pilotage.models import Photographie
from pilotage.operations import terminer_un_comite
from programmation import operations
from programmation.enums import NatureComite, NatureDecision, StatutAction
from programmation.models import Comite
from programmation.operations import SaisieDePassage
from programmation.synthese.releve import releve
from tests.fabriques import (
    ActionFactory,
    EnveloppeFactory,
    ExerciceFactory,
    FinanceurFactory,
    MouvementFactory,
    PilierFactory,
    euros,
    habiliter,
    p147,
)
from tests.pages import noeuds, texte, textes

pytestmark = pytest.mark.django_db

ISSUES = [
    (NatureDecision.ATTRIBUTION, 1000, ""),
    (NatureDecision.AJOURNEMENT, None, "Budget à préciser"),
    (NatureDecision.NON_RETENUE, None, "=Crédits insuffisants"),
    (NatureDecision.ATTRIBUTION, 2500, "Priorité du contrat"),
]


@pytest.fixture
def agent(client):
    utilisateur = habiliter(Role.AGENT, departement=ExerciceFactory().departement)
    client.force_login(utilisateur)
    return utilisateur


@pytest.fixture
def copil(agent):
    """Cinq actions : deux accordées (1 000 et 2 500 €), une ajournée, une refusée, une non examinée."""
    exercice = ExerciceFactory()
    FinanceurFactory(p147=True)
    enveloppe = EnveloppeFactory(exercice=exercice, libelle="Crédits P147")
    MouvementFactory(enveloppe=enveloppe, ae=euros(10_000))
    emploi = PilierFactory(code="emploi", ordre=3)
    actions = [
        ActionFactory(intitule=f"Atelier {nom}", statut=StatutAction.INSTRUITE, enveloppe=enveloppe) for nom in "ABCDE"
    ]
    actions[3].pilier = emploi
    actions[3].save()
    for rang, action in enumerate(actions, 1):
        p147(action, 1000 * rang)
    comite = operations.creer_un_comite(
        exercice.campagnes.get(), NatureComite.PILOTAGE, date(2026, 3, 12), par=agent, lieu="Préfecture"
    )
    operations.inscrire(comite, actions, par=agent)
    comite = operations.ouvrir_la_seance(comite, par=agent)
    for passage, (issue, montant, motif) in zip(comite.passages.order_by("ordre"), ISSUES, strict=False):
        operations.enregistrer_en_seance(comite, [SaisieDePassage(passage, issue, euros(montant), motif)], par=agent)
    return comite


def adresse(comite, geste):
    return f"/pilotage/comites/{comite.pk}/{geste}/"


def test_terminer_dit_ce_qui_n_est_pas_examine_puis_mene_au_releve(client, copil):
    page = client.get(adresse(copil, "terminer"))
    assert "1 action n’a pas été examinée" in texte(noeuds(page, "//main")[0])
    assert not Photographie.objects.exists(), "un GET n'écrit rien"
    reponse = client.post(adresse(copil, "terminer"), follow=True)
    assert "Le comité est terminé : son relevé ne changera plus." in textes(reponse, "//*[@role='status']")
    assert Photographie.objects.get().comite == copil
    assert Comite.objects.get().est_termine


def test_terminer_deux_fois_le_dit_et_ne_photographie_qu_une_fois(client, agent, copil):
    client.post(adresse(copil, "terminer"))
    reponse = client.post(adresse(copil, "terminer"), follow=True)
    alertes = " ".join(textes(reponse, "//*[@role='alert']"))
    assert re.search(rf"Comité terminé le \d\d/\d\d/\d{{4}} à \d\d:\d\d par {agent}", alertes)
    assert Photographie.objects.count() == 1
    assert "plus rien n’y change" in texte(noeuds(client.get(adresse(copil, "terminer")), "//main")[0])


def test_un_lecteur_lit_le_releve_et_ne_termine_rien_un_partenaire_n_y_a_rien(client, copil):
    departement = copil.campagne.exercice.departement
    client.force_login(habiliter(Role.LECTEUR, departement=departement))
    assert client.get(adresse(copil, "releve")).status_code == 200
    assert [
        client.get(adresse(copil, "terminer")).status_code,
        client.post(adresse(copil, "terminer")).status_code,
    ] == [
        403,
        403,
    ]
    client.force_login(habiliter(Role.PARTENAIRE, departement=departement))
    assert {client.get(adresse(copil, geste)).status_code for geste in ("releve", "terminer")} == {404}
    assert client.get(adresse(copil, "releve") + "?format=xlsx").status_code == 404


def test_l_ecran_du_releve_dit_les_totaux(client, copil):
    page = client.get(adresse(copil, "releve"))
    assert textes(page, "(//table)[1]/tfoot/tr/td[@class='pv-montant']") == ["15 000,00 €", "3 500,00 €"]
    phrase = "2 actions accordées, 1 ajournée ou en attente, 1 refusée, 1 non examinée."
    assert phrase in texte(noeuds(page, "//main")[0])
    assert "Provisoire" in texte(noeuds(page, "//main")[0])


def test_le_classeur_a_les_memes_lignes_et_les_memes_totaux(client, agent, copil):
    client.post(adresse(copil, "terminer"))
    reponse = client.get(adresse(copil, "releve") + "?format=xlsx")
    assert reponse["Content-Disposition"] == 'attachment; filename="releve-comite-de-pilotage-2026-03-12-14.xlsx"'
    livre = openpyxl.load_workbook(io.BytesIO(b"".join(reponse.streaming_content)), data_only=True)
    assert livre.sheetnames == ["Décisions", "Totaux", "Situation"]
    lignes = [ligne for ligne in livre["Décisions"].iter_rows(values_only=True) if isinstance(ligne[0], int)]
    assert [(li[1], li[5], li[7], li[8], li[9]) for li in lignes] == [
        ("Atelier A", 1000, "Attribution", 1000, None),
        ("Atelier B", 2000, "Ajournement", 0, "Budget à préciser"),
        ("Atelier C", 3000, "Non retenue", 0, "=Crédits insuffisants"),
        ("Atelier D", 4000, "Attribution", 2500, "Priorité du contrat"),
        ("Atelier E", 5000, "Non examinée", None, None),
    ]
    totaux = [ligne for ligne in livre["Totaux"].iter_rows(min_row=1, values_only=True) if isinstance(ligne[2], int)]
    assert totaux == [
        ("Issue", "Attribution", 2, 3500),
        ("Issue", "Ajournement", 1, 0),
        ("Issue", "Non retenue", 1, 0),
        ("Pilier", "Cohesion sociale", 3, 1000),
        ("Pilier", "Emploi", 1, 2500),
        ("Enveloppe", "Crédits P147", 2, 3500),
    ]
    credits = [ligne for ligne in livre["Situation"].iter_rows(values_only=True) if "Enveloppe" in str(ligne[0])]
    assert credits == [("Enveloppe : Crédits P147", 10_000, 3500, 6500, None)]


def test_l_ods_et_le_csv_se_telechargent_aussi(client, copil):
    for format, debut in (("ods", b"PK"), ("csv", b"PK")):
        reponse = client.get(adresse(copil, "releve") + f"?format={format}")
        assert b"".join(reponse.streaming_content)[:2] == debut


def test_le_pdf_est_balise_et_dit_les_memes_totaux(client, copil, tmp_path):
    client.post(adresse(copil, "terminer"))
    reponse = client.get(adresse(copil, "releve") + "?format=pdf")
    assert reponse["Content-Type"] == "application/pdf"
    assert reponse.content.startswith(b"%PDF-1.")
    lu = releve(Comite.objects.get())
    page = releve_en_html(lu)
    assert textes(page, "(//table)[1]/tbody/tr/th")[0].startswith("Atelier A")
    assert textes(page, "(//table)[1]/tfoot/tr/td[@class='pv-montant']") == ["15 000,00 €", "3 500,00 €"]
    assert "Provisoire" not in page
    if shutil.which("pdftotext"):
        fichier = tmp_path / "releve.pdf"
        fichier.write_bytes(reponse.content)
        lecture = subprocess.run(["pdftotext", "-layout", fichier, "-"], capture_output=True, check=True, text=True)
        contenu = " ".join(lecture.stdout.split())
        assert "3 500,00 €" in contenu
        assert "Page 1 sur" in contenu


def test_un_pdf_dit_quoi_installer_si_le_serveur_ne_sait_pas_en_ecrire(client, copil, monkeypatch):
    def sans_pango(*args, **options):
        raise OSError("cannot load library 'libpango-1.0-0'")

    monkeypatch.setattr("builtins.__import__", importer_sauf("weasyprint", sans_pango))
    reponse = client.get(adresse(copil, "releve") + "?format=pdf", follow=True)
    assert "libpango" in " ".join(textes(reponse, "//*[@role='alert']"))


def importer_sauf(nom_interdit, refuser):
    vrai = __import__

    def importer(nom, *args, **options):
        return refuser() if nom.split(".")[0] == nom_interdit else vrai(nom, *args, **options)

    return importer


def test_le_releve_la_photographie_et_le_classeur_ont_le_meme_total(agent, copil):
    """1 000 + 2 500 = 3 500 €, dans le relevé, les décisions de la photographie et son tableau de bord."""
    photographie = terminer_un_comite(copil, par=agent)
    lu = releve(Comite.objects.get())
    decidees = [Decimal(d["montant"]) for ligne in photographie.lignes for d in ligne["decisions"]]
    feuille = list(ReleveEnClasseur(lu).feuille_des_decisions.cellules())
    assert sum(decidees) == lu.montant == euros(3500)
    assert euros(photographie.synthese["tableau"]["total"]["montant"]) == lu.situation.total.montant == euros(3500)
    assert feuille[-1][8].cache == euros(3500)


def test_le_releve_mene_a_la_photographie_pour_qui_la_voit(client, agent, copil):
    terminer_un_comite(copil, par=agent)
    (lien,) = noeuds(client.get(adresse(copil, "releve")), "//a[contains(text(), 'tel qu’il était')]")
    assert client.get(lien.get("href")).status_code == 200
    client.force_login(habiliter(Role.DELEGUE, contrat=ActionFactory().contrat))
    assert not noeuds(client.get(adresse(copil, "releve")), "//a[contains(text(), 'tel qu’il était')]")


def test_un_delegue_lit_la_part_du_releve_de_son_perimetre_et_le_sait(client, agent, copil):
    """Ce qui est décidé dans le département se lit ; l'action non examinée d'un autre contrat, non."""
    terminer_un_comite(copil, par=agent)
    client.force_login(habiliter(Role.DELEGUE, contrat=ActionFactory().contrat))
    contenu = texte(noeuds(client.get(adresse(copil, "releve")), "//main")[0])
    assert "1 action est hors de votre périmètre" in contenu
    assert "Atelier E" not in contenu
