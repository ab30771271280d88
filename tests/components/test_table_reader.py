"""Tables whose columns the user names: every layout and format gives the same events, and every fault is reported with its place."""

import gzip
import io
import re

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from icereco.cli import main
from icereco.data.sources.source import open_source
from icereco.errors import IcerecoError
from icereco.tables.schema import PULSE_COLUMNS
from icereco.testing.random_events import random_events

NAMED = "event=nr,time=t,charge=q,auxiliary=aux,zenith=mc_zen,azimuth=mc_azi,energy=mc_e,vertex=vx+vy+vz,kind=sort"
SENSORS = {
    "number": "sensor=pixel",
    "module": "string=line,om=dom",
    "place": "x=px,y=py,z=pz",
}
TRUTH = {"azimuth": "mc_azi", "zenith": "mc_zen", "energy": "mc_e", "kind": "sort"} | {
    f"vertex_{axis}": f"v{axis}" for axis in "xyz"
}


def named(table, detector, lists=True):
    """The table with a user's own names, one row per event."""
    flat = {name: table[name].combine_chunks() for name in PULSE_COLUMNS}
    offsets, sensor = flat["time"].offsets, flat["sensor_id"].values.to_numpy()
    values = {
        "pixel": sensor,
        "line": detector.string[sensor],
        "dom": detector.om[sensor],
        **dict(zip(("px", "py", "pz"), detector.position_m[sensor].T, strict=True)),
        "t": flat["time"].values,
        "q": flat["charge"].values,
        "aux": flat["auxiliary"].values,
    }
    pulses = {name: pa.ListArray.from_arrays(offsets, pa.array(column)) for name, column in values.items()}
    return pa.table({"nr": table["event_id"], **pulses, **{new: table[old] for old, new in TRUTH.items()}})


def exploded(nested, order=None):
    """One row per pulse."""
    lists = [field.name for field in nested.schema if pa.types.is_list(field.type)]
    counts = np.diff(np.asarray(nested["t"].combine_chunks().offsets))
    event = np.repeat(np.arange(nested.num_rows), counts)
    columns = {
        name: nested[name].combine_chunks().flatten() if name in lists else nested[name].take(event)
        for name in nested.column_names
    }
    table = pa.table(columns)
    return table if order is None else table.take(order)


def write(table, path):
    if path.name.endswith(".parquet"):
        pq.write_table(table, path, row_group_size=50)
    elif path.name.endswith(".feather"):
        feather.write_feather(table, path)
    else:
        text = io.BytesIO()
        pa.csv.write_csv(table, text)
        path.write_bytes(gzip.compress(text.getvalue()) if path.suffix == ".gz" else text.getvalue())
    return path


def read(path, options, detector, rows=7):
    batches = list(open_source(path, f"table:{options}").checked(detector, rows))
    assert all(batch.num_rows <= rows for batch in batches)
    return pa.Table.from_batches([batch.replace_schema_metadata(None) for batch in batches])


def complaint(path, options, detector):
    with pytest.raises(IcerecoError) as caught:
        read(path, options, detector)
    return str(caught.value)


@pytest.fixture
def events():
    return random_events(np.array([5, 1, 40, 3, 12, 7, 9, 2]), seed=2)


@pytest.mark.parametrize("sensors", SENSORS)
@pytest.mark.parametrize("layout", ["a.parquet", "n.parquet", "a.feather", "n.feather", "a.csv", "a.csv.gz"])
@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(counts=st.lists(st.integers(1, 60), min_size=1, max_size=20), seed=st.integers(0, 100))
def test_a_table_in_any_layout_reads_back_equal(tmp_path, detector, layout, sensors, counts, seed):
    table = random_events(np.array(counts), seed=seed)
    nested = named(table, detector)
    file = write(nested if layout.startswith("n") else exploded(nested), tmp_path / layout)
    back = read(file, f"{NAMED},{SENSORS[sensors]}", detector)
    assert back.select([name for name in table.column_names if name in back.column_names]).to_pylist() == [
        {name: value for name, value in row.items() if name in back.column_names} for row in table.to_pylist()
    ]
    assert set(back.column_names) == {"event_id", *PULSE_COLUMNS, *TRUTH}
    assert open_source(file, f"table:{NAMED},{SENSORS[sensors]}").count() == len(counts)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1000))
def test_rows_in_any_order_give_whole_events_in_order_of_their_first_pulse(tmp_path, detector, events, seed):
    whole = exploded(named(events, detector))
    order = np.random.default_rng(seed).permutation(whole.num_rows)
    mixed = whole.take(order)
    back = read(write(mixed, tmp_path / "mixed.parquet"), f"{NAMED},{SENSORS['number']}", detector)
    first = list(dict.fromkeys(mixed["nr"].to_pylist()))
    assert back["event_id"].to_pylist() == first
    wanted = {row["event_id"]: sorted(row["time"]) for row in events.to_pylist()}
    assert {row["event_id"]: sorted(row["time"]) for row in back.to_pylist()} == wanted


def test_rows_that_are_not_in_order_are_reported(tmp_path, detector, events, caplog):
    mixed = exploded(named(events, detector))
    mixed = mixed.take(np.arange(mixed.num_rows)[::-1].reshape(-1))
    mixed = pa.concat_tables([mixed.slice(3), mixed.slice(0, 3)])
    read(write(mixed, tmp_path / "mixed.parquet"), f"{NAMED},{SENSORS['number']}", detector)
    assert [record.message for record in caplog.records if "held in memory" in record.message] != []


def test_truth_in_another_file_is_joined_by_event(tmp_path, detector, events):
    nested = named(events, detector)
    truth = nested.select(["nr", *TRUTH.values()]).rename_columns(["number", *TRUTH.values()])
    write(truth.take([7, 3, 0, 1, 2, 4, 5, 6]), tmp_path / "truth.csv")
    write(exploded(nested.drop_columns([*TRUTH.values()])), tmp_path / "pulses.parquet")
    options = f"{NAMED},{SENSORS['module']},truth=truth.csv,truth_event=number"
    for path in (tmp_path, tmp_path / "pulses.parquet"):
        back = read(path, options, detector)
        for name in TRUTH:
            assert back[name].to_pylist() == events[name].to_pylist()
    assert tmp_path / "truth.csv" in open_source(tmp_path, f"table:{options}").reader.files(tmp_path)


def test_events_without_truth_are_counted_and_have_none(tmp_path, detector, events, caplog):
    nested = named(events, detector)
    write(nested.select(["nr", *TRUTH.values()]).slice(0, 6), tmp_path / "truth.parquet")
    write(nested, tmp_path / "pulses.parquet")
    back = read(tmp_path / "pulses.parquet", f"{NAMED},{SENSORS['number']},truth=truth.parquet", detector)
    assert back["azimuth"].to_pylist() == [*events["azimuth"].to_pylist()[:6], None, None]
    assert "no truth of 2 of the 8 events" in caplog.text


def test_a_direction_of_travel_given_as_a_vector_is_turned_round(tmp_path, detector, events):
    zenith, azimuth = (events[name].to_numpy() for name in ("zenith", "azimuth"))
    vector = [np.sin(zenith) * np.cos(azimuth), np.sin(zenith) * np.sin(azimuth), np.cos(zenith)]
    table = named(events, detector)
    for name, column in zip(("dx", "dy", "dz"), vector, strict=True):
        table = table.append_column(name, pa.array(-3.0 * column))
    options = "event=nr,time=t,sensor=pixel,vector=dx+dy+dz,direction=travel"
    back = read(write(table, tmp_path / "events.parquet"), options, detector)
    np.testing.assert_allclose(back["zenith"], zenith, atol=1e-9)
    np.testing.assert_allclose(back["azimuth"], azimuth, atol=1e-9)
    assert set(np.concatenate(back["charge"].to_pylist())) == {1.0}


def test_several_columns_give_one_id_per_event(tmp_path, detector, events):
    nested = named(events, detector)
    nested = nested.append_column("run", pa.array([1, 1, 1, 1, 2, 2, 2, 2]))
    nested = nested.set_column(0, "nr", pa.array([0, 1, 2, 3, 0, 1, 2, 3]))
    for layout, table in {"n": nested, "a": exploded(nested)}.items():
        path = write(table, tmp_path / f"{layout}.parquet")
        back = read(path, "event=run+nr,time=t,sensor=pixel", detector)
        assert len(set(back["event_id"].to_pylist())) == back.num_rows == 8
        assert min(back["event_id"].to_pylist()) >= 0


FAULTS = {
    "event=nr,time=tt,sensor=pixel": "no column 'tt'; did you mean 't'? (its columns: nr, ",
    "time=t,sensor=pixel": "event=COLUMN is missing",
    "event=nr,sensor=pixel": "time=COLUMN is missing",
    "event=nr,time=t": "sensor=COLUMN, or string=COLUMN,om=COLUMN, or x=COLUMN,y=COLUMN,z=COLUMN; given: none",
    "event=nr,time=t,string=line": "given: string",
    "event=nr,time=t,sensor=pixel,zenith=mc_zen": "zenith=COLUMN,azimuth=COLUMN",
    "event=nr,time=t,sensor=pixel,vertex=vx+vy": "vertex must be three columns, X+Y+Z, not vx+vy",
    "event=nr,time=sort,sensor=pixel": "row 0: column sort is '",
    "event=nr,time=t,sensor=q": "whole numbers are needed",
    "event=nr,time=t,sensor=pixel,auxiliary=q": "true or false, or 1 or 0, is needed",
    "event=aux,time=t,sensor=pixel,energy=mc_e": "it differs from that of the event's first row",
    "event=nr,time=t,string=pixel,om=dom": "is no module of icecube86",
    "event=nr,time=t,sensor=pixel,zenith=z,azimuth=a,truth=trut.parquet": "did you mean 'truth.parquet'?",
    "event=nr,time=t,sensor=pixel,zenith=mc_zen,azimuth=mc_azi,truth=other.parquet": "has no row for any event of",
    "event=nr,time=t,sensor=pixel,zenith=mc_zen,azimuth=mc_azi,truth=twice.parquet": "has a row of truth already, row 0",
    "event=nr,time=t,sensor=pixel,table=a": "holds a single table",
}


@pytest.mark.parametrize("options", FAULTS)
def test_a_fault_names_what_is_wrong_and_where(tmp_path, detector, events, options):
    nested = named(events, detector)
    path = write(exploded(nested), tmp_path / "pulses.parquet")
    truth = nested.select(["nr", *TRUTH.values()])
    write(truth, tmp_path / "truth.parquet")
    write(truth.set_column(0, "nr", pa.array(range(50, 58))), tmp_path / "other.parquet")
    write(pa.concat_tables([truth, truth]), tmp_path / "twice.parquet")
    assert FAULTS[options] in complaint(path, options, detector)


def test_a_value_in_a_csv_that_is_no_number_is_named_with_its_column(tmp_path, detector):
    path = tmp_path / "pulses.csv"
    path.write_text("nr,pixel,t\n1,3,10.0\n1,x,11.0\n")
    message = complaint(path, "event=nr,time=t,sensor=pixel", detector)
    assert "row 1: column pixel is 'x'" in message


def test_modules_that_are_counted_from_zero_are_not_shifted_silently(tmp_path, detector, events):
    nested = named(events, detector)
    table = exploded(nested)
    at = table.column_names.index("dom")
    om = np.where(np.arange(table.num_rows) == 3, 0, table["dom"].to_numpy())
    path = write(table.set_column(at, "dom", pa.array(om)), tmp_path / "pulses.parquet")
    assert "row 3: line" in (message := complaint(path, "event=nr,time=t,string=line,om=dom", detector))
    assert "modules 1 to 60" in message


USUAL = {
    "event": ("event", "event_id", "event_no"),
    "string": ("string",),
    "om": ("om", "dom", "pmt"),
    "time": ("time", "t", "dom_time"),
    "charge": ("charge", "q"),
    "zenith": ("zenith", "MCPrimary_zenith"),
    "azimuth": ("azimuth", "MCPrimary_azimuth"),
}


def suggestion(path):
    with pytest.raises(IcerecoError) as caught:
        open_source(path)
    return re.search(r"--reader '?(table:\S+?)'?$", str(caught.value))[1]


@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize("choice", [0, 1, 2])
def test_a_table_with_usual_names_is_answered_with_the_mapping_that_reads_it(
    tmp_path, detector, events, nested, choice
):
    own = {"event": "nr", "string": "line", "om": "dom", "time": "t", "charge": "q"}
    own |= {"zenith": "mc_zen", "azimuth": "mc_azi"}
    names = {role: usual[min(choice, len(usual) - 1)] for role, usual in USUAL.items()}
    table = named(events, detector).select(list(own.values())).rename_columns([names[role] for role in own])
    if not nested:
        table = exploded(table.rename_columns([own[role] for role in own])).rename_columns(table.column_names)
    path = write(table, tmp_path / "pulses.parquet")
    back = read(path, suggestion(path).removeprefix("table:"), detector)
    for name in ("event_id", "sensor_id", "time", "charge", "zenith", "azimuth"):
        assert back[name].to_pylist() == events[name].to_pylist()


def test_truth_in_a_file_beside_is_part_of_the_suggestion(tmp_path, detector, events):
    nested = named(events, detector)
    names = ["event", "string", "om", "time"]
    pulses = exploded(nested.select(["nr", "line", "dom", "t"])).rename_columns(names)
    write(pulses, tmp_path / "pulses.parquet")
    truth = nested.select(["nr", "mc_zen", "mc_azi"]).rename_columns(["event_no", "mc_zenith", "mc_azimuth"])
    write(truth, tmp_path / "truth.parquet")
    for path in (tmp_path, tmp_path / "pulses.parquet"):
        text = suggestion(path)
        assert text.endswith("truth=truth.parquet,truth_event=event_no,zenith=mc_zenith,azimuth=mc_azimuth")
        assert (
            read(path, text.removeprefix("table:"), detector)["zenith"].to_pylist()
            == events["zenith"].to_pylist()
        )


def test_a_flat_table_of_graphnet_with_truth_in_it_is_answered_with_the_mapping(tmp_path, detector, events):
    wanted = {
        "nr": "event_no",
        "t": "dom_time",
        "px": "dom_x",
        "py": "dom_y",
        "pz": "dom_z",
        "aux": "auxiliary",
    }
    wanted |= {"mc_zen": "zenith", "mc_azi": "azimuth", "mc_e": "energy_gev"}
    table = exploded(named(events, detector)).select(list(wanted)).rename_columns(list(wanted.values()))
    path = write(table, tmp_path / "flat.parquet")
    back = read(path, suggestion(path).removeprefix("table:"), detector)
    for name in ("sensor_id", "auxiliary", "zenith", "azimuth", "energy"):
        assert back[name].to_pylist() == events[name].to_pylist()


def test_a_mapping_is_saved_with_the_data_set(tmp_path, detector, events):
    path = write(named(events, detector), tmp_path / "events.parquet")
    options = f"table:{NAMED},{SENSORS['module']}"
    environment = {"ICERECO_CONFIG": str(tmp_path / "config")}
    added = CliRunner().invoke(main, ["data", "add", "mine", str(path), "--reader", options], env=environment)
    assert added.exit_code == 0, added.output
    shown = CliRunner().invoke(main, ["data", "show", "mine", "--json"], env=environment)
    assert '"events": 8' in shown.stdout


RUN = [2**53 + 1, None, 3, -4, 5, 2**63 - 1, 7, 8]
STREAM = ["InIceSplit", None, "NullSplit", "", "ä", "b", "c", "d"]


def carrying(events, detector):
    """Events with columns that no option of the mapping names."""
    nested = named(events, detector)
    further = {"run": RUN, "stream": STREAM, "sure": [True, None] * 4}
    for name, column in further.items():
        nested = nested.append_column(name, pa.array(column))
    return nested


def carried(path, options):
    """What is written next to the reconstructions of a table."""
    out = path.with_name("out.reco.parquet")
    ended = CliRunner().invoke(
        main,
        ["reconstruct", str(path), "--reader", f"table:{options}", "--method", "linefit", "-o", str(out)],
    )
    assert ended.exit_code == 0, ended.output
    return pq.read_table(out)


def test_columns_of_events_that_are_not_named_are_carried(tmp_path, detector, events):
    nested = carrying(events, detector).append_column("zenith", pa.array(STREAM))
    nested = nested.append_column("charge", pa.array(RUN))
    table = carried(write(nested, tmp_path / "in.parquet"), f"{NAMED},{SENSORS['number']}")
    for name in ("run", "stream", "sure"):
        assert table[name].combine_chunks().equals(nested[name].combine_chunks())
    assert (table["input_zenith"].to_pylist(), table["input_charge"].to_pylist()) == (STREAM, RUN)
    np.testing.assert_allclose(table["true_zenith"].to_pylist(), events["zenith"].to_pylist())
    some = carried(tmp_path / "in.parquet", f"{NAMED},{SENSORS['number']},carry=stream")
    assert {"stream"} == {"run", "stream", "sure", "input_zenith"} & set(some.column_names)


@pytest.mark.parametrize("file", ["in.parquet", "in.feather", "in.csv.gz", "mixed.parquet"])
def test_named_columns_of_rows_of_pulses_are_carried(tmp_path, detector, events, file):
    nested = carrying(events, detector)
    order = np.random.default_rng(2).permutation(int(exploded(nested).num_rows))
    whole = exploded(nested, order if file.startswith("mixed") else None)
    options = f"{NAMED},{SENSORS['number']}"
    table = carried(write(whole, tmp_path / file), f"{options},carry=run+stream+sure")
    row = {event: i for i, event in enumerate(nested["nr"].to_pylist())}
    wanted = nested.take([row[event] for event in table["event_id"].to_pylist()])
    for name in ("run", "stream", "sure"):
        read = table[name].to_pylist()
        assert [value or None for value in read] == [value or None for value in wanted[name].to_pylist()]
    assert table.schema.field("run").type == pa.int64()
    assert not {"run", "stream"} & set(carried(tmp_path / file, options).column_names)


def test_what_cannot_be_carried_is_reported(tmp_path, detector, events):
    nested = carrying(events, detector)
    write(
        nested.append_column("zenith", pa.array(RUN)).append_column("input_zenith", pa.array(RUN)),
        tmp_path / "n.parquet",
    )
    write(exploded(nested), tmp_path / "p.parquet")
    options = f"{NAMED},{SENSORS['number']}"
    assert "no column 'strem'; did you mean 'stream'?" in complaint(
        tmp_path / "p.parquet", f"{options},carry=strem", detector
    )
    differs = complaint(tmp_path / "p.parquet", f"{options},carry=t", detector)
    assert re.search(
        r"p.parquet: row 1: column t is .*; it differs from that of the event's first row", differs
    )
    lists = complaint(tmp_path / "n.parquet", f"{options},carry=px", detector)
    assert "column px is list<" in lists
    assert "numbers, booleans and text" in lists
    twice = complaint(tmp_path / "n.parquet", options, detector)
    assert "column zenith would be called input_zenith" in twice


def retyped(table, name, kind):
    place = table.schema.get_field_index(name)
    return table.set_column(place, name, table[name].cast(kind))


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.uint64(), pa.float64(), pa.decimal128(24, 2)]
)
def test_numbers_of_events_may_be_text_unsigned_or_decimal(tmp_path, detector, events, kind):
    rows = exploded(named(events, detector))
    path = write(retyped(rows, "nr", kind), tmp_path / "in.parquet")
    assert read(path, "event=nr,sensor=pixel,time=t", detector)["event_id"].equals(events["event_id"])


def test_numbers_of_events_may_be_a_dictionary_of_text(tmp_path, detector, events):
    rows = retyped(exploded(named(events, detector)), "nr", pa.string())
    place = rows.schema.get_field_index("nr")
    path = write(rows.set_column(place, "nr", rows["nr"].dictionary_encode()), tmp_path / "in.parquet")
    assert read(path, "event=nr,sensor=pixel,time=t", detector)["event_id"].equals(events["event_id"])


def test_numbers_that_do_not_fit_are_not_wrapped(tmp_path, detector):
    table = pa.table({"nr": pa.array([2**63 + 5], pa.uint64()), "t": [1.0], "pixel": [3]})
    assert "column nr is 9223372036854775813; whole numbers of 64 bits" in complaint(
        write(table, tmp_path / "in.parquet"), "event=nr,sensor=pixel,time=t", detector
    )


@pytest.mark.parametrize("kind", [pa.timestamp("ns"), pa.duration("us")])
def test_a_column_that_holds_no_numbers_is_named_with_its_type(tmp_path, detector, kind):
    table = pa.table({"nr": [1], "t": pa.array([1001]).cast(kind), "pixel": [3]})
    said = complaint(write(table, tmp_path / "in.parquet"), "event=nr,sensor=pixel,time=t", detector)
    assert f"column t is {kind}; numbers are needed" in said


@pytest.mark.parametrize(
    ("sensors", "column", "said"),
    [("string=line,om=dom", "line", "with line 99, dom "), ("x=px,y=py,z=pz", "px", "at (99.00, ")],
)
def test_a_single_pulse_of_no_sensor_is_named_as_the_table_does(
    tmp_path, detector, events, sensors, column, said
):
    rows = exploded(named(events, detector))
    values = rows[column].to_numpy().copy()
    values[-1] = 99
    rows = rows.set_column(rows.schema.get_field_index(column), column, pa.array(values))
    path = write(rows, tmp_path / "in.parquet")
    assert said in complaint(path, f"event=nr,{sensors},time=t", detector)


def test_degrees_are_not_turned_round(tmp_path, detector, events):
    table = named(events, detector)
    for name in ("mc_zen", "mc_azi"):
        values = pa.array(np.degrees(table[name].to_numpy()))
        table = table.set_column(table.schema.get_field_index(name), name, values)
    said = complaint(
        write(table, tmp_path / "in.parquet"),
        "event=nr,sensor=pixel,time=t,zenith=mc_zen,azimuth=mc_azi,direction=travel",
        detector,
    )
    assert "look like degrees: multiply them by π/180" in said


TEXTS = {
    "byte order mark": ("in.csv", "\ufeffnr,t,pixel\n1,2.5,3\n"),
    "semicolons": ("in.csv", "nr;t;pixel\n1;2.5;3\n"),
    "decimal commas": ("in.csv", "nr;t;pixel\n1;2,5;3\n"),
    "decimal commas further down": ("in.csv.gz", "nr;t;pixel\n1;3;3\n1;2,5;3\n"),
    "lines of Windows": ("in.csv.gz", "nr,t,pixel\r\n1,2.5,3\r\n"),
    "quotes": ("in.tsv", '"nr"\t"t"\t"pixel"\n"1"\t"2.5"\t"3"\n'),
}


@pytest.mark.parametrize("dialect", TEXTS)
def test_dialects_of_text_are_read(tmp_path, detector, dialect):
    name, text = TEXTS[dialect]
    content = text.encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    events = read(tmp_path / name, "event=nr,sensor=pixel,time=t", detector)
    assert events["event_id"].to_pylist() == [1]
    assert events["time"].to_pylist()[0][-1] == 2.5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# mine\nnr,t,pixel\n1,2,3\n", "the first line, which has to name the columns, is '# mine'"),
        ("nr,t,pixel\n1,2,3\n1,2\n", "Expected 3 columns, got 2: 1,2"),
        ("1,2,3\n1,4,3\n", "without names of its columns"),
    ],
)
def test_text_that_is_no_table_is_named(tmp_path, detector, text, said):
    (tmp_path / "in.csv").write_text(text)
    assert said in complaint(tmp_path / "in.csv", "event=nr,sensor=pixel,time=t", detector)
