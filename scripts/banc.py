"""Mesure la vitesse à grande échelle : `DATABASE_URL=… python scripts/banc.py [--actions N]`.

Sur une base vide que `DATABASE_URL` désigne, charge les données de référence et le volume, puis mesure chaque écran par
le client de test de Django (HTTP complet, gabarits compris), à chaud, en médiane. Les seuils sont ceux que l'on promet
sur PostgreSQL avec 300 000 actions ; sur SQLite, ou avec moins d'actions, ils ne sont qu'un repère.
"""

import argparse
import atexit
import gc
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO, StringIO
from pathlib import Path
from statistics import median

import banc_courriers
import banc_photographies
import banc_postes
import banc_saisie
import banc_scenarios

ACTIONS, ANNEES, DEPARTEMENTS, REPETITIONS = 300_000, 10, 100, 20
ACTIONS_D_UN_LOT, LIGNES_D_UNE_LISTE = 1_000, 5_000
RACINE = Path(__file__).resolve().parent.parent
LIGNE = "{:<46}{:>9}{:>10}{:>18}  {:<26}{}"


@dataclass
class Mesure:
    """Une ligne du tableau : une valeur dans son unité (None : l'écran n'existe pas encore), et ce qui est promis."""

    nom: str
    seuil: float
    lignes: int = 0
    valeur: float | None = None
    unite: str = "ms"
    au_moins: bool = False  # le seuil est un minimum
    requetes: int | None = None
    requetes_au_plus: int | None = None

    @property
    def verdict(self):
        if self.valeur is None:
            return "absente"
        assez_rapide = self.valeur >= self.seuil if self.au_moins else self.valeur <= self.seuil
        assez_sobre = self.requetes_au_plus is None or self.requetes <= self.requetes_au_plus
        return "tenu" if assez_rapide and assez_sobre else "DÉPASSÉ"

    @property
    def promesse(self):
        requetes = f", {self.requetes_au_plus} requêtes" if self.requetes_au_plus else ""
        return f"{'≥' if self.au_moins else '≤'} {self.seuil:.0f} {self.unite}{requetes}"

    def __str__(self):
        valeur = "—" if self.valeur is None else f"{self.valeur:.0f} {self.unite}"
        requetes = "—" if self.requetes is None else self.requetes
        return LIGNE.format(self.nom, self.lignes, requetes, valeur, self.promesse, self.verdict)


# --- La base ---


def preparer_django():
    """Réglages d'un serveur : sans DEBUG, qui garde chaque requête en mémoire."""
    if not os.environ.get("DATABASE_URL"):
        sys.exit("Le banc écrit des centaines de milliers de lignes : dire où par DATABASE_URL (voir make banc).")
    sys.path.insert(0, str(RACINE))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "politique_ville.settings")
    os.environ["DEBUG"] = "0"
    os.environ["MEDIA_ROOT"] = tempfile.mkdtemp(prefix="banc-")
    atexit.register(shutil.rmtree, os.environ["MEDIA_ROOT"])
    import django
    from django.conf import settings

    settings.WHITENOISE_AUTOREFRESH = True  # pas de fichiers statiques collectés à chercher
    django.setup()
    gc.freeze()  # comme politique_ville/wsgi.py


def preparer_la_base(actions, annees, departements):
    """Une base neuve reçoit le volume ; une base qui l'a déjà est mesurée telle quelle."""
    from django.core.management import call_command
    from django.db import connection

    from comptes.models import Utilisateur
    from pilotage import volume

    call_command("migrate", verbosity=0)
    if Utilisateur.objects.filter(courriel=volume.AGENT).exists():
        return
    debut = time.perf_counter()
    call_command("charger_reference", verbosity=0)
    volume.generer(actions, annees, departements)
    banc_postes.creer_les_postes(banc_postes.POSTES, banc_postes.ANNEES_DES_POSTES, volume.DERNIERE_ANNEE)
    with connection.cursor() as curseur:
        curseur.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
    print(f"Volume écrit en {time.perf_counter() - debut:.0f} s.", flush=True)


# --- Mesurer ---


def chronometrer(geste: Callable[[], object], repetitions: int) -> tuple[int, float]:
    """(nombre de requêtes, durée médiane en ms) d'un geste, à chaud."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    geste()
    with CaptureQueriesContext(connection) as capture:
        geste()
    return len(capture), duree(geste, repetitions)


def duree(geste, repetitions):
    """La durée médiane, en ms."""
    durees = []
    for _ in range(repetitions):
        debut = time.perf_counter()
        geste()
        durees.append((time.perf_counter() - debut) * 1_000)
    return median(durees)


def adresse_de(nom, *args):
    """L'adresse d'un écran ; vide s'il n'existe pas encore."""
    from django.urls import NoReverseMatch, reverse

    try:
        return reverse(nom, args=args)
    except NoReverseMatch:
        return ""


def client_de(utilisateur):
    from django.test import Client

    client = Client(raise_request_exception=True)
    client.force_login(utilisateur)
    return client


def lire(client, adresse, parametres):
    """Le contenu de la page, flux compris ; une réponse qui n'est pas 200 arrête le banc."""
    reponse = client.get(adresse, parametres)
    if reponse.status_code != 200:
        raise SystemExit(f"{adresse} répond {reponse.status_code}.")
    return b"".join(reponse.streaming_content) if reponse.streaming else reponse.content


class Banc:
    """Les mesures promises, dans l'ordre de l'issue : écrans d'un agent, d'un lecteur national, fichiers, imports."""

    def __init__(self, repetitions: int):
        from comptes.models import Utilisateur
        from pilotage import volume
        from programmation.models import Action

        self.repetitions = repetitions
        self.agent = Utilisateur.objects.get(courriel=volume.AGENT)
        self.lecteur = Utilisateur.objects.get(courriel=volume.LECTEUR)
        self.annee = {"annee": volume.DERNIERE_ANNEE}
        siennes = Action.objects.visibles_par(self.agent).filter(exercice__annee=volume.DERNIERE_ANNEE)
        self.fiche = siennes.exclude(localisations=None).order_by("pk").values_list("pk", flat=True).first()
        self.siennes = siennes.count()
        self.toutes = Action.objects.filter(exercice__annee=volume.DERNIERE_ANNEE).count()

    def mesures(self) -> Iterator[Mesure]:
        liste, tableau, fiche = "programmation:action_list", "pilotage:tableau_de_bord", "programmation:action_detail"
        recherche = {"q": "familles groupe 12"}
        yield self.page(Mesure("agent : liste", 80, requetes_au_plus=15), liste)
        yield self.page(Mesure("agent : recherche dans la liste", 80), liste, recherche)
        yield self.page(Mesure("agent : fiche", 50, lignes=1, requetes_au_plus=25), fiche, None, self.fiche)
        yield self.page(Mesure("agent : tableau de bord", 120, requetes_au_plus=20), tableau)
        yield self.page(Mesure("national, une année : liste", 250), liste, self.annee, par=self.lecteur)
        yield self.page(Mesure("national, une année : recherche", 250), liste, self.annee | recherche, par=self.lecteur)
        yield self.page(Mesure("national, une année : tableau de bord", 500), tableau, self.annee, par=self.lecteur)
        yield from self.poids_de_la_liste(liste)
        yield from self.export("xlsx")
        yield from self.export("ods")
        yield from self.postes()
        yield from self.lots()
        yield from self.saisie()
        yield from self.scenarios()
        yield from self.courriers()
        yield from self.photographies()

    def page(self, mesure, nom_url, parametres=None, *args, par=None):
        adresse = adresse_de(nom_url, *args)
        mesure.lignes = mesure.lignes or (self.toutes if par else self.siennes)
        if adresse:
            client = client_de(par or self.agent)
            geste = lambda: lire(client, adresse, parametres or {})  # noqa: E731 (le geste que l'on répète)
            mesure.requetes, mesure.valeur = chronometrer(geste, self.repetitions)
        return mesure

    def postes(self):
        """La liste nationale des adultes-relais, leurs échéances, et le coût de tous les postes une année."""
        par, lignes = self.lecteur, banc_postes.POSTES
        liste, radar = "dispositifs:adulte_relais_list", "dispositifs:radar"
        yield self.page(Mesure("postes : liste", 100, lignes, requetes_au_plus=12), liste, self.annee, par=par)
        yield self.page(Mesure("postes : radar", 100, lignes), radar, par=par)
        mesure = Mesure("postes : coût d'une année", 300, lignes)
        mesure.requetes, mesure.valeur = chronometrer(banc_postes.couter_l_annee_des_renouvellements, self.repetitions)
        yield mesure

    def poids_de_la_liste(self, nom_url):
        """Le HTML avant compression, puis tel qu'un navigateur qui accepte gzip le reçoit."""
        adresse, client = adresse_de(nom_url), client_de(self.agent)
        avant, apres = (
            Mesure("liste : HTML", 100, 50, unite="ko"),
            Mesure("liste : HTML compressé", 100, 50, unite="ko"),
        )
        if adresse:
            avant.valeur = len(client.get(adresse).content) / 1_000
            reponse = client.get(adresse, headers={"accept-encoding": "gzip"})
            if reponse.headers.get("Content-Encoding") == "gzip":
                apres.valeur = len(reponse.content) / 1_000
        return avant, apres

    def export(self, format):
        """Dans un processus à part : la mémoire de pointe s'y lit au-dessus du repos."""
        debit = Mesure(f"national : export {format}", 2_000, self.toutes, unite="lignes/s", au_moins=True)
        memoire = Mesure(f"national : export {format}, mémoire", 100, self.toutes, unite="Mo")
        if adresse_de("programmation:action_list") and Path("/proc/self/status").exists():
            commande = [sys.executable, __file__, "--export-seul", format]
            secondes, mo = subprocess.run(commande, capture_output=True, text=True, check=True).stdout.split()
            debit.valeur, memoire.valeur = self.toutes / float(secondes), float(mo)
        return debit, memoire

    def lots(self):
        """Le classeur ANCT et l'import, sur un exercice de mille actions ajouté puis oublié."""
        from django.db import transaction

        from pilotage import volume

        with transaction.atomic():
            par, exercice = agent_du_lot(volume)
            yield self.classeur_anct(exercice)
            yield from self.imports(exercice, par)
            yield from self.import_d_une_liste(par)
            transaction.set_rollback(True)

    def saisie(self):
        """Un proposé tapé, l'effet d'un lot, sur un exercice de mille actions à décider ajouté puis oublié."""
        from django.db import transaction

        from pilotage import volume

        nombre = banc_scenarios.ACTIONS
        gestes = [
            (Mesure("saisie : un proposé tapé", 100, nombre), "propose_list", banc_saisie.taper_un_propose),
            (
                Mesure("saisie : effet d’un lot", 1_000, banc_saisie.LOT),
                "modification_create",
                banc_saisie.apercevoir_un_lot,
            ),
        ]
        with transaction.atomic():
            par, exercice = agent_du_lot(volume, nombre)
            banc_scenarios.preparer_l_exercice(exercice)
            for mesure, ecran, preparer in gestes:
                geste = preparer(client_de(par), adresse_de(f"programmation:{ecran}"), exercice)
                mesure.requetes, mesure.valeur = chronometrer(geste, self.repetitions)
                yield mesure
            transaction.set_rollback(True)

    def scenarios(self):
        """Un scénario de mille actions à décider, sur un exercice ajouté puis oublié."""
        from django.db import transaction

        from pilotage import volume
        from programmation import operations

        nombre, promues = banc_scenarios.ACTIONS, banc_scenarios.PROMUES
        with transaction.atomic():
            par, exercice = agent_du_lot(volume, nombre)
            banc_scenarios.preparer_l_exercice(exercice)
            creation = Mesure("scénario : création", 500, nombre)
            yield self.ecriture(creation, lambda: banc_scenarios.creer(exercice, par, "Essai du banc"))
            scenario = banc_scenarios.creer(exercice, par)
            yield self.page(
                Mesure("scénario : affichage", 400, nombre), "programmation:scenario_detail", None, scenario.pk, par=par
            )
            saisie = Mesure("scénario : un montant changé", 100, nombre)
            adresse = adresse_de("programmation:scenario_montants", scenario.pk)
            geste = banc_scenarios.changer_un_montant(client_de(par), adresse, scenario)
            saisie.requetes, saisie.valeur = chronometrer(geste, self.repetitions)
            yield saisie
            banc_scenarios.garder_les_premieres(scenario, promues)
            promotion = Mesure("scénario : promotion", 3_000, promues)
            yield self.ecriture(promotion, lambda: operations.promouvoir(scenario, par=par))
            transaction.set_rollback(True)

    def photographies(self):
        """La photographie d'un exercice de trois mille actions, ajouté puis oublié."""
        from django.db import transaction

        from pilotage import volume

        nombre = banc_photographies.ACTIONS
        with transaction.atomic():
            par, exercice = agent_du_lot(volume, nombre)
            prise = Mesure("photographie : prise", 2_000, nombre)
            yield self.ecriture(prise, lambda: banc_photographies.photographier(exercice))
            photographie = banc_photographies.photographier(exercice)
            for montre, nom, seuil in banc_photographies.ECRANS:
                mesure = Mesure(f"photographie : {montre}", seuil, nombre)
                yield self.page(mesure, nom, None, photographie.pk, par=par)
            transaction.set_rollback(True)

    def courriers(self):
        """Cinquante lettres d'accord, sur un exercice ajouté puis oublié."""
        from django.db import transaction

        from pilotage import volume

        with transaction.atomic():
            par, exercice = agent_du_lot(volume)
            actions = banc_courriers.preparer_les_lettres(exercice, banc_courriers.LETTRES)
            adresse = adresse_de("programmation:courrier_create")
            for format in ("pdf", "zip"):
                mesure = Mesure(f"courriers : {format}", 20_000, len(actions))
                geste = banc_courriers.telecharger(client_de(par), adresse, actions, format)
                mesure.requetes, mesure.valeur = chronometrer(geste, max(1, self.repetitions // 4))
                yield mesure
            transaction.set_rollback(True)

    def ecriture(self, mesure, geste):
        """Un geste qui écrit, défait après chaque mesure."""
        from django.db import transaction

        def ecrire():
            with transaction.atomic():
                geste()
                transaction.set_rollback(True)

        mesure.requetes, mesure.valeur = chronometrer(ecrire, max(1, self.repetitions // 4))
        return mesure

    def classeur_anct(self, exercice):
        from django.core.management import call_command, get_commands

        mesure = Mesure("classeur ANCT", 2_000, ACTIONS_D_UN_LOT)
        if "exporter_anct" in get_commands():
            options = {"departement": exercice.departement.code, "annee": exercice.annee}
            with tempfile.TemporaryDirectory() as dossier:
                sortie = {"sortie": Path(dossier) / "anct.xlsx", "stdout": StringIO()}
                geste = lambda: call_command("exporter_anct", **options | sortie)  # noqa: E731
                mesure.requetes, mesure.valeur = chronometrer(geste, max(1, self.repetitions // 4))
        return mesure

    def imports(self, exercice, par):
        """Le plan, puis l'écriture avec son historique, d'un fichier d'actions nouvelles à quatre financements."""
        plan = Mesure("import : plan", 3_000, ACTIONS_D_UN_LOT)
        ecriture = Mesure("import : écriture", 6_000, ACTIONS_D_UN_LOT)
        try:
            from programmation.imports import lots
        except ImportError:
            return plan, ecriture
        fichier = lots.recevoir_un_fichier(BytesIO(classeur_d_import(exercice)), "banc.xlsx")
        return self.import_d_un_fichier(fichier, exercice, par, "actions", plan, ecriture)

    def import_d_une_liste(self, par):
        """Une liste d'adultes-relais d'un département, à l'échelle de la liste nationale."""
        from comptes.enums import Role
        from comptes.models import Habilitation, Utilisateur
        from programmation.imports import lots
        from territoires.models import Departement

        plan = Mesure("import d’une liste de l’ANCT : plan", 2_000, LIGNES_D_UNE_LISTE)
        ecriture = Mesure("import d’une liste de l’ANCT : écriture", 5_000, LIGNES_D_UNE_LISTE)
        calvados = Departement.objects.get(code="14")
        Habilitation.objects.create(utilisateur=par, role=Role.AGENT, departement=calvados)
        par = Utilisateur.objects.get(pk=par.pk)  # ses habilitations sont lues une fois
        fichier = lots.recevoir_un_fichier(BytesIO(liste_de_l_anct()), "banc.csv")
        return self.import_d_un_fichier(fichier, calvados, par, "adultes-relais", plan, ecriture)

    def import_d_un_fichier(self, fichier, ou, par, quoi, plan, ecriture):
        from django.db import transaction

        from programmation.imports import lots

        essais = max(1, self.repetitions // 4)
        plan.requetes, plan.valeur = chronometrer(lambda: lots.essayer(fichier, ou, par=par, quoi=quoi), essais)
        lot = lots.deposer(fichier, ou, par=par, quoi=quoi)
        lots.planifier(lot, par=par)

        def ecrire():
            with transaction.atomic():
                lots.confirmer(lot, par=par)
                transaction.set_rollback(True)

        ecriture.requetes, ecriture.valeur = chronometrer(ecrire, essais)
        return plan, ecriture


def agent_du_lot(volume, actions=ACTIONS_D_UN_LOT):
    """Un département de plus, avec un exercice de mille actions, et qui peut y écrire."""
    from comptes.enums import Role
    from comptes.models import Habilitation, Utilisateur

    par = Utilisateur.objects.create_user("lot.volume@demo.example")
    exercice = volume.ajouter_un_departement(actions, par)
    Habilitation.objects.create(utilisateur=par, role=Role.AGENT, departement=exercice.departement)
    return par, exercice


def classeur_d_import(exercice) -> bytes:
    """Mille actions nouvelles, une par ligne, quatre financeurs en colonnes : ce qu'un service dépose."""
    import xlsxwriter

    from programmation.models import Thematique
    from territoires.models import ContratDeVille

    code = exercice.departement.code
    contrat = ContratDeVille.objects.filter(departement=exercice.departement).en_vigueur(exercice.annee)[0]
    thematique = Thematique.objects.filter(theme__nomenclature=exercice.nomenclature)[0]
    financeurs = [f"Commune {code}", f"Département {code}", f"CAF {code}"]
    entetes = ["Dossier Dauphin", "Intitulé", "Contrat de ville", "Thématique", "Dispositif", "Porteur"]
    entetes += ["Date de début", "Date de fin", "Coût prévisionnel", "Statut", "Demandé P147", *financeurs]
    tampon = BytesIO()
    with xlsxwriter.Workbook(tampon, {"in_memory": True}) as fichier:
        feuille = fichier.add_worksheet("Actions")
        feuille.write_row(0, 0, entetes)
        for rang in range(1, ACTIONS_D_UN_LOT + 1):
            fixe = [contrat.intitule, thematique.code, "Contrat de ville", f"Association importée {rang % 50}"]
            dates = [f"01/01/{exercice.annee}", f"31/12/{exercice.annee}"]
            montants = [10_000, "Déposée", 4_000, 3_000, 2_000, 1_000]
            feuille.write_row(rang, 0, [f"8{rang:07d}", f"Action importée {rang}", *fixe, *dates, *montants])
    return tampon.getvalue()


def liste_de_l_anct() -> bytes:
    """Cinq mille lignes aux colonnes publiées : 2 500 postes du Calvados sur deux ans, de six cents employeurs."""
    from pilotage.demonstration.organismes import siren, siret

    lignes = ["annee;id_poste;code_tiers;raison_sociale;montant;code_cv"]
    for rang in range(LIGNES_D_UNE_LISTE):
        poste, annee = rang // 2, 2024 + rang % 2
        employeur = poste % 600
        tiers = f"{siret(siren(50_000 + employeur))};Association publiée {employeur}"
        lignes.append(f"{annee};01424R{poste:04d}{rang % 2:02d};{tiers};22810.61;CN01403M")
    return "\n".join(lignes).encode()


def exporter_seul(format):
    """L'export d'une année par le lecteur national, à chaud : imprime sa durée (s) et sa mémoire (Mo) en plus."""
    banc = Banc(1)
    client, adresse = client_de(banc.lecteur), adresse_de("programmation:action_list")
    lire(client, adresse, banc.annee)
    repos, debut = memoire("VmRSS"), time.perf_counter()
    reponse = client.get(adresse, banc.annee | {"format": format})
    for _ in reponse.streaming_content:  # le navigateur lit le flux sans le garder
        pass
    secondes = time.perf_counter() - debut
    print(secondes, memoire("VmHWM") - repos)


def memoire(cle):
    """La mémoire du processus, en Mo : `VmRSS` occupée, `VmHWM` de pointe (getrusage rend celle du parent)."""
    lignes = Path("/proc/self/status").read_text().splitlines()
    return next(int(ligne.split()[1]) / 1_000 for ligne in lignes if ligne.startswith(cle))


def main():
    analyseur = argparse.ArgumentParser(description=__doc__)
    analyseur.add_argument("--actions", type=int, default=ACTIONS)
    analyseur.add_argument("--annees", type=int, default=ANNEES)
    analyseur.add_argument("--departements", type=int, default=DEPARTEMENTS)
    analyseur.add_argument("--repetitions", type=int, default=REPETITIONS, help="la durée est leur médiane")
    analyseur.add_argument("--export-seul", metavar="FORMAT", help=argparse.SUPPRESS)
    options = analyseur.parse_args()
    preparer_django()
    if options.export_seul:
        return exporter_seul(options.export_seul)
    preparer_la_base(options.actions, options.annees, options.departements)
    from django.db import connection

    print(f"\n{connection.vendor}, {options.actions} actions, médiane de {options.repetitions}")
    print(LIGNE.format("mesure", "lignes", "requêtes", "valeur", "seuil", "verdict"))
    for mesure in Banc(options.repetitions).mesures():
        print(mesure, flush=True)
    return None


if __name__ == "__main__":
    main()
