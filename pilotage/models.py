"""La vue a ses tables : aucune n'entre dans un total."""

from django.db import models
from django.utils import timezone

from programmation.models import Comite, Exercice

MOTIF_DE_CLOTURE = "Clôture de l’exercice"


class PhotographieIntouchable(Exception):
    """Une photographie ne se modifie ni ne s'efface : elle dit ce qu'étaient les chiffres ce jour-là."""


class PhotographieQuerySet(models.QuerySet):
    def update(self, **champs):
        raise PhotographieIntouchable(PhotographieIntouchable.__doc__)

    def delete(self):
        raise PhotographieIntouchable(PhotographieIntouchable.__doc__)

    def visibles_par(self, utilisateur):
        """Une photographie est de tout l'exercice, proposé compris : il faut voir tout le département, côté État."""
        perimetre = utilisateur.perimetre_de_l_etat
        return self if perimetre.national else self.filter(exercice__departement__in=perimetre.departements)

    def de_la_cloture(self):
        """La photographie de la dernière clôture, à défaut la dernière prise, ou None : celle à qui un exercice clos
        doit ressembler. Une photographie plus récente cacherait un changement fait entre les deux."""
        recentes = self.order_by("-pk")
        return recentes.filter(motif__startswith=MOTIF_DE_CLOTURE).first() or recentes.first()

    def sans_lignes(self):
        """Sans le détail de chaque action, qui pèse des mégaoctets : pour une liste ou un tableau de bord."""
        return self.defer("lignes")


class Photographie(models.Model):
    """La programmation d'un exercice telle qu'elle était à un instant : ses lignes, sa synthèse, leur empreinte."""

    exercice = models.ForeignKey(Exercice, models.PROTECT, related_name="photographies", verbose_name="exercice")
    prise_le = models.DateTimeField("prise le", default=timezone.now, editable=False)
    motif = models.CharField("motif", max_length=250)
    comite = models.ForeignKey(
        Comite, models.PROTECT, null=True, blank=True, related_name="photographies", verbose_name="comité"
    )
    lignes = models.JSONField("lignes")
    synthese = models.JSONField("synthèse")
    empreinte = models.CharField("empreinte SHA-256", max_length=64)

    objects = PhotographieQuerySet.as_manager()

    class Meta:
        verbose_name = "photographie"
        ordering = ["-prise_le"]

    def __str__(self):
        return f"{self.motif}, {timezone.localtime(self.prise_le):%d/%m/%Y %H:%M}"

    def save(self, *args, **kwargs):
        if not self._state.adding:
            raise PhotographieIntouchable(PhotographieIntouchable.__doc__)
        super().save(*args, **kwargs)

    def delete(self, *args, **kwargs):
        raise PhotographieIntouchable(PhotographieIntouchable.__doc__)
