//! A tile map under everything, made of the published tilesets, side by side.
//!
//! Bevy draws a map in one go from an array texture, one layer per tile. The loader could cut the PNG into layers, but
//! then this file could not serve as an atlas any more, and a map would keep the old picture when a reloaded one has
//! another size: materials do not follow. So the PNG stays as it is, and we cut a copy whenever it changes.

use bevy::prelude::*;
use bevy::sprite_render::{AlphaMode2d, TileData, TilemapChunk, TilemapChunkMeshCache, TilemapChunkTileData};

use crate::manifest::{Atlas, Kind, Manifest, Published};
use crate::terrain::{Rules, is_land};
use crate::view::View;

/// Lays the ground and lays it again when the manifest, the view or a tileset changes.
pub struct GroundPlugin;

impl Plugin for GroundPlugin {
    fn build(&self, app: &mut App) {
        let changed = on_message::<AssetEvent<Manifest>>.or_eager(resource_changed::<View>);
        app.add_systems(Update, divide.run_if(changed)).add_systems(
            // After asset events are sent, so that a reloaded tileset is drawn in the frame it comes. Without a
            // renderer nothing is drawn, and there is no such resource.
            PostUpdate,
            cut.after(bevy::asset::AssetEventSystems)
                .run_if(resource_exists::<TilemapChunkMeshCache>),
        );
    }
}

/// A part of the ground, made of one tileset.
#[derive(Component)]
struct Ground {
    /// The PNG. A strong handle: what nobody holds is not reloaded.
    image: Handle<Image>,
    atlas: Atlas,
    rules: Rules,
    /// In tiles.
    size: UVec2,
}

fn divide(
    mut commands: Commands,
    server: Res<AssetServer>,
    published: Published,
    view: Res<View>,
    old: Query<Entity, With<Ground>>,
) {
    let Some(manifest) = published.manifest() else {
        return;
    };
    for entity in &old {
        commands.entity(entity).despawn();
    }
    let tilesets = manifest.assets.iter().filter(|entry| entry.kind == Kind::Tileset);
    let tilesets: Vec<_> = tilesets.filter_map(|entry| Some((entry, entry.atlas?))).collect();
    // Rounded up, so that no gap stays at the right and lower edges; the overhang is out of sight or under the next.
    let art = view.size.as_vec2() / view.zoom as f32;
    let width = (art.x / tilesets.len() as f32).ceil();
    for (index, (entry, atlas)) in tilesets.into_iter().enumerate() {
        let tile = UVec2::new(atlas.tile_width, atlas.tile_height);
        let size = (Vec2::new(width, art.y) / tile.as_vec2()).ceil().as_uvec2();
        let left_top = Vec2::new(index as f32 * width - art.x / 2.0, art.y / 2.0);
        // A chunk's position is its middle.
        let middle = left_top + (size * tile).as_vec2() * Vec2::new(0.5, -0.5);
        commands.spawn((
            Name::new(entry.path.clone()),
            Ground {
                image: server.load(&entry.path),
                atlas,
                rules: entry.tileset.clone().unwrap_or_default(),
                size,
            },
            Transform::from_translation(middle.extend(index as f32 * 0.001)),
            Visibility::default(),
        ));
    }
}

fn cut(
    mut commands: Commands,
    mut events: MessageReader<AssetEvent<Image>>,
    grounds: Query<(Entity, Ref<Ground>)>,
    mut images: ResMut<Assets<Image>>,
) {
    let changed: Vec<AssetId<Image>> = events
        .read()
        .filter_map(|event| match *event {
            AssetEvent::Added { id } | AssetEvent::Modified { id } => Some(id),
            _ => None,
        })
        .collect();
    for (entity, ground) in &grounds {
        // Not loaded yet: the event that it is will come.
        let Some(image) = images.get(&ground.image) else {
            continue;
        };
        if !ground.is_added() && !changed.contains(&ground.image.id()) {
            continue;
        }
        match image.create_stacked_array_from_2d_grid(ground.atlas.rows, ground.atlas.columns) {
            Ok(layers) => {
                // Inserted anew rather than changed, so that Bevy makes a new material, which fits any size.
                let chunk = TilemapChunk {
                    chunk_size: ground.size,
                    tile_display_size: UVec2::new(ground.atlas.tile_width, ground.atlas.tile_height),
                    tileset: images.add(layers),
                    alpha_mode: AlphaMode2d::Blend,
                };
                commands.entity(entity).insert((tiles(&ground), chunk));
            }
            // The image is already the new one, the manifest is not: it comes next, and with it another grid.
            Err(error) => warn!("a tileset does not fit the manifest's grid: {error}"),
        }
    }
}

fn tiles(ground: &Ground) -> TilemapChunkTileData {
    let place = |x: u32, y: u32| ground.rules.tile_at(x as i32, y as i32, is_land);
    let row = |y: u32| (0..ground.size.x).map(move |x| place(x, y).map(TileData::from_tileset_index));
    // Rows from the bottom.
    TilemapChunkTileData((0..ground.size.y).flat_map(row).collect())
}
