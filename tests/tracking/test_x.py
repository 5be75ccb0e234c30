import time, sys
def test_x(tiny, registered, monkeypatch):
    print(tiny.bundle.figures[:2], registered)
    import mlflow
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION","false")
    mlflow.set_tracking_uri(registered.uri)
    from metarisk.data.rows import rows_of
    t=time.perf_counter()
    m=mlflow.pyfunc.load_model("models:/metarisk@champion"); print("load",time.perf_counter()-t)
    t=time.perf_counter()
    out=m.predict(rows_of(tiny.cohort)); print("pred",time.perf_counter()-t, len(tiny.cohort))
    from metarisk.models.scoring import score_cohort
    from metarisk.models.bundle import load_bundle
    t=time.perf_counter()
    ref=score_cohort(load_bundle(tiny.folder).as_version("1"),tiny.cohort); print("direct",time.perf_counter()-t)
    import pandas as pd
    pd.testing.assert_frame_equal(out,ref)
    from metarisk.tracking.registry import resolve
    print(resolve("models:/metarisk@champion",registered.uri))
    from pathlib import Path
    root=resolve("models:/metarisk@champion",registered.uri).folder.parents[1]
    for p in sorted(root.rglob("*")): print(p.relative_to(root))
    print((root/"MLmodel").read_text()); print((root/"requirements.txt").read_text())
