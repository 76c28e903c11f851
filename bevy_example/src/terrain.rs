//! Which tile of a tileset lies where, so that neighbours fit: the rules of tilesets by corners and by neighbours.
//!
//! Pure functions on numbers: nothing here knows Bevy. Copy what your own map needs.

use serde::Deserialize;
use serde_json::Value;

/// What the manifest says of a tileset's tiles.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(from = "Value")]
pub struct Rules {
    /// In the order of the image, from left to right and top to bottom: each tile's pattern of terrains, row by row.
    /// Four: what lies at each corner. Nine: what lies on the tile itself, in the middle, and on its eight neighbours.
    /// Terrains are numbers, the higher lying over the lower; -1 is nothing at all.
    tiles: Vec<Vec<i32>>,
}

impl From<Value> for Rules {
    /// Rules of a kind that this game does not know lay no tiles; the rest of the manifest stays readable.
    fn from(mut block: Value) -> Self {
        let tiles = block.get_mut("tiles").map(Value::take).unwrap_or_default();
        let tiles = serde_json::from_value(tiles);
        Self {
            tiles: tiles.unwrap_or_default(),
        }
    }
}

impl Rules {
    /// The index of a tile for a place, x to the right and y up; `None` where nothing lies.
    ///
    /// `land` is the map: whether the upper of two terrains lies at a place. Of several fitting tiles one is taken as
    /// if at random, always the same.
    pub fn tile_at(&self, x: i32, y: i32, land: impl Fn(i32, i32) -> bool) -> Option<u16> {
        let pair = self.pair()?;
        let pattern = match self.tiles[0].len() {
            4 => corners(x, y, pair, land),
            _ => neighbours(x, y, pair, land),
        };
        let fitting: Vec<usize> = (0..self.tiles.len()).filter(|&i| self.tiles[i] == pattern).collect();
        let chosen = fitting.get(mix(x, y) as usize % fitting.len().max(1))?;
        u16::try_from(*chosen).ok()
    }

    /// The first two terrains, lower and upper, that one tile shows together; one terrain twice if no tile does.
    fn pair(&self) -> Option<(i32, i32)> {
        let ends = |tile: &Vec<i32>| Some((*tile.iter().min()?, *tile.iter().max()?));
        let mut pairs = self.tiles.iter().filter_map(ends);
        pairs
            .clone()
            .find(|(lower, upper)| lower != upper)
            .or_else(|| pairs.next())
    }
}

/// The pattern by corners: those of the tile are places of the map, the lower left one being the tile's own.
fn corners(x: i32, y: i32, (lower, upper): (i32, i32), land: impl Fn(i32, i32) -> bool) -> Vec<i32> {
    let at = |x, y| if land(x, y) { upper } else { lower };
    vec![at(x, y + 1), at(x + 1, y + 1), at(x, y), at(x + 1, y)]
}

/// The pattern by neighbours, as in tilesets of 47 "blob" tiles: a corner counts only if both edges beside it do.
fn neighbours(x: i32, y: i32, (lower, upper): (i32, i32), land: impl Fn(i32, i32) -> bool) -> Vec<i32> {
    let counts = |dx: i32, dy: i32| land(x, y) && land(x + dx, y + dy) && land(x + dx, y) && land(x, y + dy);
    let at = |dx, dy| if counts(dx, dy) { upper } else { lower };
    let row = |dy| [at(-1, dy), at(0, dy), at(1, dy)];
    [row(1), row(0), row(-1)].concat()
}

/// A map without end: land with lakes in it, the same in every run.
pub fn is_land(x: i32, y: i32) -> bool {
    // Heights at every fourth place, and between them the mean by distance, lie on both sides of the water's level.
    const STEP: i32 = 4;
    let height = |x: i32, y: i32| i64::from(mix(x, y) % 100);
    let (left, right) = (i64::from(x.rem_euclid(STEP)), i64::from(STEP - x.rem_euclid(STEP)));
    let (below, above) = (i64::from(y.rem_euclid(STEP)), i64::from(STEP - y.rem_euclid(STEP)));
    let (x, y) = (x.div_euclid(STEP), y.div_euclid(STEP));
    let lower = height(x, y) * right + height(x + 1, y) * left;
    let upper = height(x, y + 1) * right + height(x + 1, y + 1) * left;
    (lower * above + upper * below) / i64::from(STEP * STEP) < 55
}

/// A number for a place that looks random.
fn mix(x: i32, y: i32) -> u32 {
    let seed = (x as u32).wrapping_mul(0x9E37_79B1) ^ (y as u32).wrapping_mul(0x85EB_CA77);
    let mixed = (seed ^ (seed >> 15)).wrapping_mul(0xC2B2_AE3D);
    mixed ^ (mixed >> 16)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules(tiles: Value) -> Rules {
        serde_json::from_value(json!({ "kind": "any", "tiles": tiles })).unwrap()
    }

    #[test]
    fn tiles_beside_each_other_share_their_corners() {
        let all = (0..16).map(|i| [i & 1, i >> 1 & 1, i >> 2 & 1, i >> 3 & 1]);
        let rules = rules(all.map(|four| json!(four)).collect());
        let tile = |x, y| &rules.tiles[rules.tile_at(x, y, is_land).unwrap() as usize];
        for (x, y) in (-20..20).flat_map(|x| (-20..20).map(move |y| (x, y))) {
            let (here, right, above) = (tile(x, y), tile(x + 1, y), tile(x, y + 1));
            assert_eq!((here[1], here[3]), (right[0], right[2]));
            assert_eq!(here[..2], above[2..]);
        }
    }

    #[test]
    fn a_blobs_corner_counts_only_between_two_edges() {
        let diagonal_only = |x: i32, y: i32| x == y;
        assert_eq!(neighbours(0, 0, (0, 1), diagonal_only), [0, 0, 0, 0, 1, 0, 0, 0, 0]);
        let all_but_one = |x: i32, y: i32| (x, y) != (1, 1);
        assert_eq!(neighbours(0, 0, (0, 1), all_but_one), [1, 1, 0, 1, 1, 1, 1, 1, 1]);
    }

    #[test]
    fn variants_of_a_lone_terrain_are_mixed() {
        let rules = rules(json!([[0, 0, 0, 0], [0, 0, 0, 0]]));
        let tiles: Vec<_> = (0..50).map(|x| rules.tile_at(x, 0, is_land).unwrap()).collect();
        assert!(tiles.contains(&0) && tiles.contains(&1));
    }

    #[test]
    fn nothing_lies_where_no_tile_fits() {
        let cliff = rules(json!([[-1, -1, -1, -1, 0, -1, -1, -1, -1]]));
        assert_eq!(cliff.tile_at(0, 0, |x, y| (x, y) == (0, 0)), Some(0));
        assert_eq!(cliff.tile_at(5, 0, |x, y| (x, y) == (0, 0)), None);
    }

    #[test]
    fn unknown_rules_lay_nothing() {
        for tiles in [
            json!(null),
            json!("hexagons"),
            json!([]),
            json!([[]]),
            json!([{"hexagon": 1}]),
        ] {
            assert_eq!(rules(tiles).tile_at(0, 0, is_land), None);
        }
        let none: Rules = serde_json::from_value(json!(5)).unwrap();
        assert_eq!(none.tile_at(0, 0, is_land), None);
    }

    #[test]
    fn the_map_has_land_and_water() {
        let land = (0..400).filter(|i| is_land(i % 20, i / 20)).count();
        assert!((100..380).contains(&land), "{land} of 400");
    }
}
