from icereco import load_detector


def test_the_lake_has_eight_modules_in_water():
    detector = load_detector("lake")
    assert len(detector.position_m) == 8
    assert detector.medium.kind == "water"
