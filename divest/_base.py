"""Mixins shared by the estimators."""

from typing import Any, Self

from sklearn.utils import ClassifierTags

from divest._samples import stack_samples


class TwoSampleMixin:
    """``fit(X, y)`` where ``y`` says which of two samples each row is from."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.classifier_tags = ClassifierTags(multi_class=False)
        return tags

    def fit_samples(self, P: Any, Q: Any, **fit_params: Any) -> Self:
        """Fit on two separate samples; short for ``fit(*stack_samples(P, Q))``.

        Parameters
        ----------
        P : array-like of shape (n_p, d)
            The sample in question. One-dimensional input is one column.
        Q : array-like of shape (n_q, d)
            The reference sample; data frames must have the columns of `P`, in any order.
        **fit_params : dict
            Further arguments of `fit`.

        Returns
        -------
        object
            The fitted estimator.
        """
        return self.fit(*stack_samples(P, Q), **fit_params)
