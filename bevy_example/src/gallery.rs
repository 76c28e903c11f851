//! Every published sprite and sheet in a grid, but for the one that walks.
//!
//! A changed image needs nothing from us: Bevy reloads it behind its handle. A changed manifest (a sprite is new, or
//! has another size) means a new grid.

use bevy::prelude::*;
use bevy::sprite::Anchor;
use bevy::window::WindowResized;

use crate::animation::Animation;
use crate::hero::{Hero, HeroAt};
use crate::manifest::{Entry, Kind, Manifest, Published};
use crate::view::View;

/// Free pixels of the art around each sprite.
const GAP: u32 = 4;
/// A sprite alone in the view is drawn at most this many times its size.
const MAX_ZOOM: u32 = 3;

/// The category whose first asset walks instead.
const HERO: &str = "character";

/// Draws the grid and draws it again when the manifest or the window's size changes.
pub struct GalleryPlugin;

impl Plugin for GalleryPlugin {
    fn build(&self, app: &mut App) {
        // Eager: both conditions run each frame, so that each has read its messages and none fires late.
        let changed = on_message::<AssetEvent<Manifest>>.or_eager(on_message::<WindowResized>);
        app.register_type::<Shown>()
            .add_message::<WindowResized>() // there is none of its own without a window
            .add_systems(PostUpdate, rebuild.run_if(changed));
    }
}

/// Where an asset of the project is seen, in screen pixels from the upper left corner: so that whoever looks at a
/// screenshot can find it. Read by `world.query` with the component `bevy_example::gallery::Shown`.
#[derive(Component, Reflect, Debug)]
#[reflect(Component)]
pub struct Shown {
    /// Relative to `assets/`.
    pub path: String,
    /// From the left.
    pub x: u32,
    /// From the top.
    pub y: u32,
    /// Pixels of the art across.
    pub width: u32,
    /// Pixels of the art down.
    pub height: u32,
    /// Screen pixels across one pixel of the art.
    pub zoom: u32,
}

fn rebuild(
    mut commands: Commands,
    server: Res<AssetServer>,
    published: Published,
    mut layouts: ResMut<Assets<TextureAtlasLayout>>,
    mut view: ResMut<View>,
    hero_at: Res<HeroAt>,
    old: Query<Entity, With<Shown>>,
) {
    let Some(manifest) = published.manifest() else {
        return;
    };
    let entries: Vec<&Entry> = manifest.assets.iter().filter(|entry| is_shown(entry)).collect();
    let (heroes, rest): (Vec<&Entry>, Vec<&Entry>) = entries.into_iter().partition(|entry| entry.category == HERO);
    let (hero, rest) = match heroes.split_first() {
        Some((hero, others)) => (Some(*hero), [others, &rest].concat()),
        None => (None, rest),
    };
    let grid = Grid::fit(view.size, largest(&rest), rest.len());
    view.zoom = grid.zoom;
    // Commands run after this system. The old sprites still hold their images while `load` below asks for the same
    // paths, so that images already in memory are not read again.
    for entity in &old {
        commands.entity(entity).despawn();
    }
    let mut show = |entry: &Entry, at: UVec2, z: f32| {
        let size = entry.shown();
        let mut item = commands.spawn((
            Name::new(entry.path.clone()),
            Shown {
                path: entry.path.clone(),
                x: at.x,
                y: at.y,
                width: size.x,
                height: size.y,
                zoom: grid.zoom,
            },
            // From the top left corner, whole sizes give whole positions; from the centre, odd ones give halves.
            Anchor::TOP_LEFT,
            Transform::from_translation(view.to_world(at).extend(z)),
        ));
        let image = server.load(&entry.path);
        match entry.atlas {
            Some(atlas) if entry.kind == Kind::Sheet => {
                let layout = TextureAtlasLayout::from_grid(size, atlas.columns, atlas.rows, None, None);
                item.insert((
                    Sprite::from_atlas_image(image, layouts.add(layout).into()),
                    Animation::new(&server, entry),
                ));
            }
            _ => {
                item.insert(Sprite::from_image(image));
            }
        }
        item.id()
    };
    for (index, entry) in rest.into_iter().enumerate() {
        show(entry, grid.top_left(index), 1.0);
    }
    if let Some(entry) = hero {
        let entity = show(entry, hero_at.on_screen(grid.zoom), 2.0);
        commands.entity(entity).insert(Hero);
    }
}

fn is_shown(entry: &Entry) -> bool {
    matches!((entry.kind, entry.atlas), (Kind::Sprite, _) | (Kind::Sheet, Some(_)))
}

fn largest(entries: &[&Entry]) -> UVec2 {
    entries.iter().fold(UVec2::ONE, |size, entry| size.max(entry.shown()))
}

/// Equal cells, in rows from the top left.
#[derive(Debug, PartialEq)]
struct Grid {
    /// One zoom for all, so that all pixels look the same size.
    zoom: u32,
    columns: u32,
    /// In screen pixels.
    cell: UVec2,
}

impl Grid {
    /// The largest whole zoom at which `count` sprites of up to `largest` pixels fit into `view`; 1 if none does.
    fn fit(view: UVec2, largest: UVec2, count: usize) -> Self {
        let at = |zoom: u32| {
            let cell: UVec2 = (largest + GAP) * zoom;
            let columns = (view.x / cell.x).max(1);
            Self { zoom, columns, cell }
        };
        let fits = |grid: &Self| {
            let rows = u32::try_from(count).unwrap_or(u32::MAX).div_ceil(grid.columns);
            grid.cell.x <= view.x && grid.cell.y.saturating_mul(rows) <= view.y
        };
        (1..=MAX_ZOOM).rev().map(at).find(fits).unwrap_or_else(|| at(1))
    }

    /// The top left corner of a cell's sprite, in screen pixels.
    fn top_left(&self, index: usize) -> UVec2 {
        let index = index as u32;
        let cell = UVec2::new(index % self.columns, index / self.columns);
        cell * self.cell + GAP / 2 * self.zoom
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIEW: UVec2 = UVec2::new(1280, 720);

    #[test]
    fn a_lone_sprite_is_drawn_large() {
        assert_eq!(Grid::fit(VIEW, UVec2::splat(32), 1).zoom, MAX_ZOOM);
    }

    #[test]
    fn many_sprites_all_fit_into_the_view() {
        let grid = Grid::fit(VIEW, UVec2::splat(32), 200);
        let end = grid.top_left(199) + 32 * grid.zoom;
        assert!(end.cmple(VIEW).all(), "{grid:?}");
    }

    #[test]
    fn too_many_sprites_are_drawn_at_their_own_size() {
        assert_eq!(Grid::fit(VIEW, UVec2::splat(64), 5000).zoom, 1);
    }

    #[test]
    fn a_sprite_starts_on_a_whole_pixel_of_a_window_with_odd_sides() {
        let view = View {
            size: UVec2::new(1001, 701),
            zoom: 1,
        };
        let at = Grid::fit(view.size, UVec2::splat(16), 3).top_left(1);
        let start = view.to_world(at) + view.size.as_vec2() / 2.0;
        assert_eq!(start, start.floor());
    }
}
