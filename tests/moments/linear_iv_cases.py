"""What several files of tests of LinearIVRegressor share."""

from divest.moments.linear_iv import LinearIVRegressor


def fitted(method, data, **settings):
    fit = {name: settings.pop(name) for name in ("groups", "sample_weight") if name in settings}
    return LinearIVRegressor(method, random_state=0, **settings).fit(data["X"], data["y"],
                                                                     data["I"], **fit)
